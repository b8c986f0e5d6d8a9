// What was done on this screen and is not answered yet. It is written down first: neither a reload nor a lost line loses it, and
// its key makes sure that it is done once.
import { ask, Refused } from './ask.js'

const waiting = JSON.parse(localStorage.getItem('moves') ?? '[]')
const save = () => localStorage.setItem('moves', JSON.stringify(waiting))
let busy = false

export const isMoving = id => waiting.some(move => move.id === id)

// crypto.randomUUID is for secure pages only; a kitchen's network may have none.
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')

/** Bumps a ticket or takes a bump back, as it is seen here: where another screen did just that already, it is not done again. */
export const move = (ticket, how, to) => {
  waiting.push({ id: ticket.id, how, to, updated_at: ticket.updated_at, key: newKey() })
  save()
}

/** Sends what waits, one after the other; stops where nobody answers. `done` hears of each, with the refusal where it was one. */
export const send = async done => {
  if (busy) return
  busy = true
  try {
    while (waiting.length) {
      const { id, how, to, updated_at, key } = waiting[0]
      let said, refusal
      try {
        said = await ask(`/v1/kds/tickets/${id}/${how}`, { method: 'POST', body: { to, updated_at }, key })
      } catch (error) {
        if (!(error instanceof Refused) || error.status >= 500 || error.status === 429) break
        refusal = error
      }
      waiting.shift()
      save()
      done(said?.ticket, refusal)
    }
  } finally { busy = false }
}
