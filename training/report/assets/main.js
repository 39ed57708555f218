// Parses the page's data and draws its plots once Plotly is loaded.

const report = JSON.parse(byId("data").textContent);
/** @type {any} */ (window).evalsuite = { plots };
document.documentElement.classList.add("ready");
