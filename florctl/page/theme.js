// Which of the two sets of colours is shown; read before the page is drawn, so that nothing flashes.
(() => {
  const kept = localStorage.getItem("flor-theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = kept || prefers;
})();
