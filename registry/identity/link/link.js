// The page behind the links of invitations and password resets. The secret stands behind the #,
// which browsers never send; it leaves this page in the body of one request only.
"use strict";

const token = location.hash.slice(1);
const isReset = token.startsWith("tpr_");
const path = isReset ? "/api/v1/password-resets/accept" : "/api/v1/invitations/accept";
const form = document.querySelector("form");
const answer = document.querySelector("#answer");

document.querySelector("#what").textContent = isReset
  ? "Choose another password."
  : "You are invited. Tell your name, and choose a password.";
document.querySelector("#name").hidden = isReset;
form.elements.name.required = !isReset;

function sentence(problem) {
  return problem.errors.map((error) => error.detail).join("; ") || problem.detail;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = form.elements.password.value;
  const body = isReset ? { token, password } : { token, password, name: form.elements.name.value };
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      answer.textContent = sentence(await response.json());
      return;
    }
    form.hidden = true;
    answer.textContent = "Done: you can sign in now.";
  } catch {
    answer.textContent = "The platform does not answer: try again soon.";
  }
});
