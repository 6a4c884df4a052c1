// The page around the story: a form with the gateway's address, and a line for each thing that happened.

import { story } from "./story.js";

const form = document.querySelector("form");
const list = document.querySelector("ol");

function line(text, failed = false) {
  const item = document.createElement("li");
  item.textContent = text;
  item.classList.toggle("failed", failed);
  list.append(item);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  list.replaceChildren();
  document.body.dataset.state = "telling";
  try {
    await story(new FormData(form).get("url"), line);
    document.body.dataset.state = "told";
  } catch (error) {
    line(String(error), true);
    document.body.dataset.state = "failed";
  }
});
