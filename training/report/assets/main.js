// The page's data, and its plots once Plotly is there.

const report = JSON.parse(byId("data").textContent);
/** @type {any} */ (window).evalsuite = { plots };
document.documentElement.classList.add("ready");
