/**
 * The terms of the pages, each explained in a popover beside it.
 *
 * @module
 */
import { html } from "./svg.js";

/** The explanation of each term. */
export const TERMS = {
  token:
    "A piece of text that the model reads and writes at once: a character, a word or a part of one. Each has a number, its id.",
  temperature:
    "Logits are divided by it before they become probabilities. Below 1 the likely tokens become likelier, above 1 the others catch up; 0 always takes the likeliest.",
  "top-k": "Only the k likeliest tokens can be drawn. 0 keeps all.",
  "top-p":
    "Only the fewest likeliest tokens whose probabilities sum to p can be drawn. 1 keeps all.",
  "new tokens": "How many tokens are written after the prompt.",
  seed: "The start of the random numbers: the same seed, prompt and settings write the same text.",
  probability:
    "How sure the model is of a token, from 0 to 100 %; all tokens together are 100 %. The bar shows the probability at the temperature, the number behind it the chance to be drawn after top-k and top-p.",
  logit:
    "The model's score of a token before the softmax makes probabilities of all scores. A difference of 1 is a factor of 2.7.",
  attention:
    "Each token (query, a row) gathers information from the tokens before it and from itself (keys, columns). The weights of a row sum to 1. Every layer has several heads, each with weights of its own.",
  head:
    "One of several attentions that work side by side in a layer. Switched off, what it gathered is replaced by zeros, and the text is written again with the same seed.",
  "logit lens":
    "The model's final norm and head, applied after each layer instead of only after the last: what it would say if it stopped there. What the last layer expects most is underlined wherever it appears.",
  neighbors:
    "Each token has a vector, its embedding. Its neighbors have vectors that point in nearly the same direction: the cosine of 1 is the same direction, 0 is unrelated.",
  loss:
    "The mean of −ln(probability) that the model gave to each token that really came next, in nats. ln(vocabulary) is guessing, 0 is certainty. The batch loss is that of the latest batch alone and jumps; the mean loss is the average since the point before.",
  "batch loss":
    "The loss of the latest step's batch alone. It jumps, because some batches are easier than others; the mean loss is steadier.",
  "tokens/s":
    "How many tokens of the corpus are trained on in a second, without the time for evaluation and samples.",
  validation:
    "The loss on text that the model was not trained on. If it rises while the training loss falls, the model memorizes.",
  "learning rate": "How far a step moves the weights.",
  layers:
    "How many blocks, each of attention and a small network, the text passes through, one after the other.",
  steps: "How many times the model reads a batch of the text and its weights are moved.",
  width: "How many numbers the model keeps for each token.",
  context: "The number of tokens that the model reads at once.",
};

/** Turns each `<button class="help" data-term>` into one that opens its explanation. */
export function explainTerms(root) {
  root.querySelectorAll("button.help").forEach((button, index) => {
    const term = button.dataset.term;
    const id = `help-${index}`;
    const text = html("p", { id, popover: "auto", class: "explanation" });
    text.append(html("b", {}, term), ` ${TERMS[term]}`);
    button.type = "button";
    button.textContent = "?";
    button.setAttribute("aria-label", `What is ${term}?`);
    button.setAttribute("popovertarget", id);
    button.after(text);
  });
}
