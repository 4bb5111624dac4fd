// The page behind the links of invitations and password resets. The secret stands behind the #,
// which browsers never send; it leaves this page in the body of one request only.
"use strict";

const token = location.hash.slice(1);
const isReset = token.startsWith("tpr_");
const path = isReset ? "/api/v1/password-resets/accept" : "/api/v1/invitations/accept";
// The first of the browser's languages that the page has; "in" is an old name of Indonesian.
const language = navigator.languages.map((each) => each.slice(0, 2).replace("in", "id")).find((each) => each in TEXTS) ?? "en";
const texts = TEXTS[language];

const form = document.querySelector("form");
const button = form.querySelector("button");
const answer = document.querySelector("#answer");
const name = form.elements.namedItem("name");
const password = form.elements.namedItem("password");

function begin() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts[element.dataset.text];
  }
  document.querySelector("#what").textContent = isReset ? texts.reset : texts.invited;
  document.querySelector("#named").hidden = isReset;
  button.textContent = isReset ? texts.set : texts.accept;
  if (!/^tp[ir]_[\w-]{43}$/.test(token)) {
    end(texts.broken);
    return;
  }
  form.hidden = false;
  (isReset ? password : name).focus();
}

function end(sentence) {
  form.hidden = true;
  answer.textContent = sentence;
  answer.focus();
}

function mark(field, sentence) {
  field.setAttribute("aria-invalid", sentence ? "true" : "false");
  document.querySelector(`#${field.id}-error`).textContent = sentence;
}

// What is wrong with the fields, before they are sent and afterwards; the first of them is focused.
function complain(wrongName, wrongPassword) {
  mark(name, wrongName);
  mark(password, wrongPassword);
  (wrongName ? name : password).focus();
}

function explain(status, problem) {
  const fields = problem.errors.map((error) => error.pointer);
  if (fields.includes("#/token")) end(texts.over);
  else if (status === 409) end(texts.known);
  else if (status === 422) {
    complain(fields.includes("#/name") ? texts.badName : "", fields.includes("#/password") ? texts.weak : "");
  } else answer.textContent = status === 429 || status === 503 ? texts.busy : problem.detail;
}

function welcome(user) {
  // The link is of no use any more, and need not stay in the browser's history.
  history.replaceState(null, "", location.pathname);
  end(isReset ? texts.done : texts.welcome + user.email + ".");
}

async function send() {
  const own = { token, password: password.value };
  const body = isReset ? own : { ...own, name: name.value, language };
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) explain(response.status, await response.json());
  else welcome(response.status === 204 ? null : await response.json());
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "";
  const wrongName = isReset || name.value.trim() ? "" : texts.noName;
  const wrongPassword = [...password.value].length < 12 ? texts.short : "";
  if (wrongName || wrongPassword) {
    complain(wrongName, wrongPassword);
    return;
  }
  mark(name, "");
  mark(password, "");
  button.disabled = true;
  try {
    await send();
  } catch {
    answer.textContent = texts.away;
  } finally {
    button.disabled = false;
  }
});
for (const field of [name, password]) {
  field.addEventListener("input", () => mark(field, ""));
}
document.querySelector("#show").addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});
// Another link in the same window.
addEventListener("hashchange", () => location.reload());
begin();
