// What was taken in: nothing twice, nothing older than what was shown, nothing missing unnoticed (K-11, B-6).
import type { Description } from './description.js'
import { at as valueAt, type Values } from './text.js'

/** Keys that are remembered, of each sort. */
const most = 10_000

/** Whether a number is higher than all that its key had; from now on it is the highest. */
const rises = (numbers: Map<string, number>, key: string, number: number): boolean => {
  if (numbers.get(key)! >= number) return false
  numbers.delete(key)
  numbers.set(key, number)
  if (numbers.size > most) numbers.delete(numbers.keys().next().value!)
  return true
}

export const memory = ({ events }: Description) => {
  /** Channel → the place behind which it goes on. What a connection has without a name is the channel ``. */
  const places = new Map<string, string>()
  const seqs = new Map<string, number>()
  const seen = new Map<string, number>()
  const versions = new Map<string, number>()

  return {
    places,

    /** Whether it was not taken in before; now it is. `channel`: where it is from, if that is certain. */
    isNew ({ id, seq, at, type, data }: Values, channel: string | undefined): boolean {
      if (channel !== undefined && typeof seq === 'number' && !rises(seqs, channel, seq)) return false
      const key = id ?? (at && JSON.stringify([at, type, data]))
      return !key || rises(seen, key as string, 0)
    },

    /** Whether it tells of no version that is older than one that was shown, or the same. */
    isNewest ({ type, data }: Values): boolean {
      const path = events.find(event => event.type === type)?.newest
      const [of, is] = path ? [valueAt(data, path.of), valueAt(data, path.is)] : []
      return of === undefined || typeof is !== 'number' || rises(versions, `${type} ${of}`, is)
    },

    /** Whether one between the last of the channel and this one is missing. */
    lacks: (channel: string, seq: unknown): boolean => (seq as number) > seqs.get(channel)! + 1,

    /** The channel counts anew, behind a place: the application fetches what is true, which may be any version. */
    reset (channel: string, after: string | undefined): void {
      versions.clear()
      seqs.delete(channel)
      if (after !== undefined) places.set(channel, after)
    }
  }
}

export type Memory = ReturnType<typeof memory>
