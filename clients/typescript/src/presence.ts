// Who is on a channel: as the server says at first, and who comes and goes since.
import type { Description } from './description.js'
import { at, kindOf } from './text.js'
import type { Incoming } from './wire.js'

export const presence = (contract: Description) => {
  /** Channel → member → what is shown of it. */
  const channels = new Map<string, Map<string, unknown>>()
  const name = (info: unknown, path = 'id') => String(at(info, path) ?? JSON.stringify(info))

  return {
    of: (channel: string): unknown[] => [...channels.get(channel)?.values() ?? []],

    /** Takes in what came from a channel; whether anybody came or went. */
    take ({ values: { type, data, presence, joined, left } }: Incoming, channel: string): boolean {
      const { member, joins, leaves } = kindOf(contract, channel)?.presence ?? {}
      const members = channels.get(channel) ?? new Map<string, unknown>()
      const came = joined ?? (type && type === joins?.type ? data : undefined)
      const went = left ?? (type && type === leaves?.type ? data : undefined)
      channels.set(channel, members)
      if (presence) members.clear()
      for (const info of [presence ?? came ?? []].flat()) members.set(name(info, came ? joins?.member : member), info)
      return !!(presence || came) || (!!went && members.delete(name(went, leaves?.member)))
    },

    /** Nobody is known to be there any more. */
    forget: () => channels.clear()
  }
}
