// What a client has to say, in order: one at a time, kept over a reload, each done once (K-11).
import { TidewireError } from './errors.js'

/** A client's event that waits, or is on its way. */
export interface Entry {
  readonly id: string
  readonly type: string
  readonly data: unknown
  readonly channel?: string
  readonly trace?: string
  /** What makes it the same as another; without one, nobody can know whether it was done. */
  readonly key?: string
  /** It was on its way when the page went, and nothing makes it known again. */
  sent?: true
}

export interface Outcome {
  reply?: unknown
  error?: Error
}

interface Waiting {
  entry: Entry
  settle?: (outcome: Outcome) => void
}

const uncertain = ({ type }: Entry) => ({ error: new TidewireError('UNCERTAIN', 'not answered', undefined, { type }) })

/** `keep`: writes down what waits; `say`: sends an entry, if there is a line that takes it; `settled`: it is done with. */
export const outbox = (keep: (entries: Entry[]) => void, say: (entry: Entry) => boolean, settled: (entry: Entry, outcome: Outcome) => void) => {
  const queue: Waiting[] = []
  let flying: Entry | undefined
  let paused = false
  /** Whether it is this outbox whose entries are kept. */
  let owns = false
  let changed: (() => void) | undefined

  const entries = () => queue.map(({ entry }) => entry)
  const save = () => { if (owns) keep(entries()) }

  /** Sends the next that waits, if the line stands and none is on its way. */
  const push = (): void => {
    changed?.()
    const [entry] = entries()
    if (flying || paused || !entry || !say(entry)) return
    flying = entry
    if (entry.key !== undefined) return
    entry.sent = true
    save()
  }

  /** The one on its way is done with. */
  const done = (outcome: Outcome): void => {
    flying = undefined
    const { entry, settle } = queue.shift()!
    save()
    settle?.(outcome)
    settled(entry, outcome)
    push()
  }

  return {
    entries,
    push,
    done,

    /** The one that was sent and is not answered. */
    flying: () => flying,

    add: (entry: Entry): Promise<unknown> => new Promise((resolve, reject) => {
      queue.push({ entry, settle: ({ reply, error }) => error ? reject(error) : resolve(reply) })
      save()
      push()
    }),

    /** Takes over what an earlier page left, in front of what came since; from now on this outbox is kept. */
    adopt (kept: Entry[]): void {
      const mine = kept.filter(({ id }) => !entries().some(entry => entry.id === id))
      queue.splice(flying ? 1 : 0, 0, ...mine.filter(({ sent }) => !sent).map(entry => ({ entry })))
      owns = true
      save()
      for (const entry of mine) if (entry.sent) settled(entry, uncertain(entry))
      push()
    },

    /** The line broke before the answer: what can be told apart is sent again, of the rest nobody knows. */
    broke (): void {
      changed?.()
      if (flying && flying.key === undefined) done(uncertain(flying))
      flying = undefined
    },

    /** Its time will come: what waits behind it waits on. */
    pause (time: number): void {
      delete flying!.sent
      flying = undefined
      paused = true
      changed?.()
      setTimeout(() => {
        paused = false
        push()
      }, time)
    },

    /** Until what waits now has been answered, or the line is gone, or the server wants to be left alone. */
    async emptied (signal: AbortSignal): Promise<void> {
      const last = queue.at(-1)
      while (last && queue.includes(last) && !paused && !signal.aborted) await new Promise<void>(resolve => { changed = resolve })
    },

    /** None of them will be sent by this client; what is kept stays kept. */
    abandon (error: Error): void {
      owns = false
      flying = undefined
      for (const { settle } of queue.splice(0)) settle?.({ error })
    }
  }
}
