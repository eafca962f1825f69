// Uploads accept "image/*" only, and browsers without a decoder for HEIC or TIFF do not count those files as images.
(() => {
  const endings = ".heic,.heif,.tif,.tiff,.avif";
  const unknown = (file) => !file.type && endings.split(",").some((ending) => file.name.toLowerCase().endsWith(ending));

  const widen = (root) => {
    for (const input of root.querySelectorAll('input[type="file"][accept="image/*"]')) {
      input.accept = `image/*,${endings}`;
    }
  };
  new MutationObserver(() => widen(document)).observe(document, { childList: true, subtree: true });

  // A dropped file of unknown type is handed to the upload of the same block, which takes it by its ending.
  document.addEventListener("drop", (event) => {
    const files = [...(event.dataTransfer?.files ?? [])];
    const input = event.target.closest?.(".picture")?.querySelector('input[type="file"]');
    if (!input || !files.some(unknown)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const chosen = new DataTransfer();
    chosen.items.add(files.find(unknown));
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);

  // On a phone the result lies far below the button, and the tab that it is taken to begins far above.
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const scroll = (element, block) => element?.scrollIntoView({ block, behavior: calm.matches ? "auto" : "smooth" });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[id]");
    if (button?.id.endsWith("-go")) scroll(document.getElementById(button.id.replace(/-go$/, "-status")), "nearest");
    if (button?.id.includes("-onward-")) scroll(document.querySelector(".tasks"), "start");
  });
})();
