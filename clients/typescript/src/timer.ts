// Timers that end with what they are for, so that nothing that is closed keeps a process alive.

export const after = (signal: AbortSignal, time: number, does: () => void): void => {
  if (signal.aborted) return
  const stop = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
  const timer = setTimeout(() => {
    stop()
    does()
  }, Math.min(time, 2 ** 31 - 1))
  signal.addEventListener('abort', stop)
}
