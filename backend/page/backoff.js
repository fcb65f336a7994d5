// Full jitter: a random wait up to 0.2 s x 2^attempt, at most 20 s, so that clients do not come back in step.

const FIRST_MS = 200;
const CAP_MS = 20_000;

export function backoff(attempt) {
  return Math.random() * Math.min(CAP_MS, FIRST_MS * 2 ** attempt);
}

export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
