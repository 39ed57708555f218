// A page opened from disk may not fetch, but it may add a script element: each file beside it calls evalsuite.put.

const report = JSON.parse(byId("data").textContent);
const nonce = /** @type {HTMLScriptElement} */ (document.currentScript).nonce;
const CACHE_SIZE = 60;
/** @type {Map<string, Promise<any>>} */
const cache = new Map();
/** @type {Map<string, (value: any) => void>} */
const waiting = new Map();

/** What the files call. @param {string} key @param {any} value */
function put(key, value) {
  waiting.get(key)?.(value);
}

/**
 * Load a file of the items folder, once; the least recently used are forgotten.
 * @param {string} key path without its ending
 * @returns {Promise<any>}
 */
function load(key) {
  const known = cache.get(key);
  const promise = known ?? request(key);
  cache.delete(key);
  cache.set(key, promise);
  if (cache.size > CACHE_SIZE) cache.delete(cache.keys().next().value ?? "");
  if (!known) promise.catch(() => cache.delete(key));
  return promise;
}

/** @param {string} key @returns {Promise<any>} */
function request(key) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const done = () => {
      waiting.delete(key);
      script.remove();
    };
    waiting.set(key, resolve);
    script.nonce = nonce;
    script.charset = "utf-8";
    script.onload = () => {
      done();
      reject(new Error(`${key}.js holds no items`));
    };
    script.onerror = () => {
      done();
      reject(new Error(`The items are in the folder ${report.folder}, which must lie beside this page; ${key}.js is not there.`));
    };
    script.src = `${report.folder}/${key.split("/").map(encodeURIComponent).join("/")}.js`;
    document.head.append(script);
  });
}
