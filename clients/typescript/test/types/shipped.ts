// C-11: the shipped contracts; B-5, K-7, W-2: each in its own envelope.
import { connect } from '@tidewire/client'
import * as board from '../generated/board.js'
import * as store from '../generated/store.js'
import * as world from '../generated/world.js'

export const task: board.TaskUpdatedEvent = { type: 'task.updated', timestamp: '', payload: { ticket: { id: 't1', version: 7, assigneeId: null } } }
export const gone: board.ServerEvent = { type: 'task.removed', timestamp: '', payload: { ticketId: 't1' } }
// @ts-expect-error: the whole ticket has its version
export const noVersion: board.TaskUpdatedEvent = { type: 'task.updated', timestamp: '', payload: { ticket: { id: 't1' } } }
// @ts-expect-error: another event's payload
export const other: board.TaskRemovedEvent = { type: 'task.removed', timestamp: '', payload: { ticket: { id: 't1', version: 7 } } }
// @ts-expect-error: another envelope
export const envelope: board.TaskRemovedEvent = { type: 'task.removed', at: '', data: { ticketId: 't1' } }
// @ts-expect-error: clients of the board send nothing
export const said: board.ClientEvent = { type: 'task.updated', payload: {} }

export const item: world.ItemTransferredEvent = {
  id: 'evt_1', type: 'item.transferred', world_id: 'w1', at: '', request_id: null,
  data: { item_id: 'i1', from: { type: 'character', id: 'c1' }, to: { type: 'place', id: 'p1' }, visibility_after: 'public' }
}
// @ts-expect-error: ids begin so
export const id: world.WorldUpdatedEvent = { ...item, type: 'world.updated', id: '1', data: { id: 'w1' } }
// @ts-expect-error: a holder has a type
export const holder: world.ItemTransferred = { ...item.data, from: { id: 'c1' } }
// @ts-expect-error: nothing else in a holder
export const hands: world.Holder = { type: 'character', id: 'c1', hands: 2 }
// @ts-expect-error: of several there is one at least
export const nobody: world.ChatMessage['message']['to'] = []
export const chat: world.ChatMessageEvent['type'] = 'chat.message.created'
// @ts-expect-error: not of the pattern
export const talk: world.ChatMessageEvent['type'] = 'chat.talk'

export const order: store.OrderStatusChanged = { order_id: 1, from: 'in_preparation', to: 'ready', at: '' }
// @ts-expect-error: no such status
export const eaten: store.OrderStatusChanged = { order_id: 1, from: 'in_preparation', to: 'eaten', at: '' }
// @ts-expect-error: this version of the envelope is 1
export const v2: store.KdsTicketUpdatedEvent['v'] = 2

const kitchen = connect(store.contract, { url: 'http://127.0.0.1' })
kitchen.subscribe('private-store.pizza.kds', event => {
  if (event.event === 'KdsTicketCreated') event.data.ticket.id
  // @ts-expect-error: orders are not told in the kitchen
  if (event.event === 'OrderCreated') event.data
})
kitchen.subscribe('private-store.pizza.kds.station.oven', event => event.seq.toFixed())
// @ts-expect-error: no such channel
kitchen.subscribe('private-store.pizza.bar', () => {})
// @ts-expect-error: nothing can be sent
kitchen.send('KdsTicketUpdated', {})
const zoo = connect(board.contract, { url: 'http://127.0.0.1' })
zoo.subscribe('worker:w1', event => {
  // @ts-expect-error: hints are the board's
  if (event.type === 'board.refreshHint') event.payload
})
