// Searches while somebody types, and opens what is not of this page beside it. All works without.
"use strict";

const answers = (address, results) => {
  answers.turn = (answers.turn || 0) + 1;
  const turn = answers.turn;
  results.setAttribute("aria-busy", "true");
  return fetch(address, { credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
    .then((text) => {
      if (turn !== answers.turn) return;
      const found = new DOMParser().parseFromString(text, "text/html").getElementById("results");
      if (!found) throw new Error("no results");
      results.replaceChildren(...found.childNodes);
      history.replaceState(null, "", address);
      for (const [name, value] of new URL(address).searchParams) {
        const field = document.querySelector(`form[data-live] input[type="hidden"][name="${CSS.escape(name)}"]`);
        if (field) field.value = value;
      }
      outside(results);
    })
    // What cannot be fetched is opened: the page itself then says what is the matter.
    .catch(() => turn === answers.turn && location.assign(address))
    .finally(() => turn === answers.turn && results.setAttribute("aria-busy", "false"));
};

const outside = (within) => {
  for (const link of within.querySelectorAll("a[href]")) {
    if (link.origin !== location.origin || link.dataset.outside !== undefined) link.target = "_blank";
  }
};

for (const form of document.querySelectorAll("form[data-live]")) {
  const results = document.getElementById("results");
  let waiting;
  const ask = () => {
    clearTimeout(waiting);
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
    answers(address.href, results);
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  results.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-live]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    answers(link.href, results);
  });
}
outside(document);

// Airflow has a choice of light or dark of its own, and the page in its frame follows it.
if (window.parent !== window) {
  const around = window.parent.document.documentElement;
  const follow = () => (document.documentElement.style.colorScheme = around.style.colorScheme);
  new MutationObserver(follow).observe(around, { attributeFilter: ["style"] });
  follow();
}

// Airflow shows the page in a frame that may open no window, so the page around it follows such a link.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[target="_blank"]');
  if (!link || window.parent === window || !/^https?:$/.test(link.protocol)) return;
  event.preventDefault();
  const outer = window.parent.document.createElement("a");
  outer.href = link.href;
  outer.target = "_blank";
  outer.rel = "noopener noreferrer";
  outer.click();
});
