// When to look whether the line still stands: in silence, and when a machine wakes up (K-18).
import { after } from './timer.js'

/** `look` is called every `step` milliseconds, `wake` when there is a reason to look at once. */
export const watch = (look: () => void, wake: () => void, signal: AbortSignal, step: number): void => {
  const beat = () => {
    look()
    after(signal, step, beat)
  }
  beat()
  for (const event of ['online', 'visibilitychange', 'resume']) globalThis.addEventListener?.(event, () => globalThis.document?.hidden || wake(), { signal, capture: true })
}
