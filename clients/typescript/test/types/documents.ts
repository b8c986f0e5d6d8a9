// C-11: the conversations' and the party's documents; P-6, P-8: what a player may send.
import { connect } from '@tidewire/client'
import * as conversation from '../generated/conversation.js'
import * as party from '../generated/party.js'

export const said: conversation.ClientEvent = { type: 'message.send', payload: { conversation: 'c1', text: 'Hello', client_id: 'c-1' } }
// @ts-expect-error: a message has a text
export const mute: conversation.ClientEvent = { type: 'message.send', payload: { conversation: 'c1', client_id: 'c-1' } }
// @ts-expect-error: a text is text
export const number: conversation.ClientEvent = { type: 'message.send', payload: { conversation: 'c1', text: 1, client_id: 'c-1' } }
// @ts-expect-error: nothing beside it
export const loud: conversation.ClientEvent = { type: 'message.send', payload: { conversation: 'c1', text: 'Hello', client_id: 'c-1', loud: true } }
// @ts-expect-error: the server's to say
export const created: conversation.ClientEvent = { type: 'message.created', payload: {} }

export const handle = (event: conversation.ServerEvent): string => {
  switch (event.type) {
    case 'connection.established': return event.payload.serverTime
    case 'message.send.ack': return event.payload.id
    case 'message.send.error': return event.payload.errors[0]?.pointer ?? event.payload.code
    case 'message.created': return event.payload.data.text
    // @ts-expect-error: no such event
    case 'message.sent': return ''
    default: return ''
  }
}

const talk = connect(conversation.contract, { url: 'http://127.0.0.1' })
talk.subscribe('conversation:c1', event => {
  if (event.type === 'message.created') event.payload.data.version.toFixed()
  // @ts-expect-error: what concerns one user alone
  if (event.type === 'notification.created') event.payload
})
// @ts-expect-error: no such room
talk.subscribe('room:c1', () => {})
// @ts-expect-error: a payload that is not the event's
talk.send('message.send', { text: 'Hello' })

export const hello = (frame: party.HelloFrame): string => frame.payload.party_id ?? ''
const play = connect(party.contract, { url: 'http://127.0.0.1' })
play.subscribe('party:p1', event => {
  if (event.type === 'vote.started') event.payload.vote_id.trim()
  // @ts-expect-error: the engine's business
  if (event.type === 'action.request') event.payload
})
// @ts-expect-error: an action has an id
play.send('action.request', { character_id: 'ana' })
// @ts-expect-error: results are the engine's
play.send('action.result', {})
