// C-11: what the contract allows compiles, and what it does not allow does not.
import { connect } from '@tidewire/client'
import { contract, type ClientEvent, type ServerEvent, type ShapeMade, type TreeGrown, type Say, type SubscribeClientFrame, type OddEvent } from '../generated/odd.js'

export const circle: ShapeMade = { kind: 'circle', radius: 1, tags: ['red', null, 3], note: null, whatever: 1 }
export const box: ShapeMade = { kind: 'box', size: [1, 2], tags: ['green'], path: ['a', true, 1, 2], mixed: { one: 'a', 'x-b': true }, extra: { a: 1 } }
export const owned: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], both: { name: 'Ana', boss: { name: 'Boris' }, since: '2025-01-01' }, named: { first: 'a', more: 1 } }
export const tree: TreeGrown = { value: 1, left: { value: 2, left: { value: 3 } }, right: null }
export const said: ClientEvent = { type: 'say', data: { id: 'a', text: 'b' }, ref: 'c', channel: 'room:a' }

// @ts-expect-error: a circle has a radius
export const noRadius: ShapeMade = { kind: 'circle', tags: ['red'] }
// @ts-expect-error: there is no such kind
export const noKind: ShapeMade = { kind: 'line', radius: 1, tags: ['red'] }
// @ts-expect-error: there is one tag at least
export const noTags: ShapeMade = { kind: 'circle', radius: 1, tags: [] }
// @ts-expect-error: no such tag
export const blue: ShapeMade = { kind: 'circle', radius: 1, tags: ['blue'] }
// @ts-expect-error: two sizes, no third
export const three: ShapeMade = { kind: 'box', size: [1, 2, 3], tags: ['red'] }
// @ts-expect-error: the second of a path is true or false
export const path: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], path: ['a', 'b'] }
// @ts-expect-error: a closed object
export const more: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], mixed: { one: 'a', two: 'b' } }
// @ts-expect-error: by its pattern it is true or false
export const pattern: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], mixed: { one: 'a', 'x-b': 1 } }
// @ts-expect-error: numbers only
export const extra: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], extra: { a: 'b' } }
// @ts-expect-error: what is of both has what both have
export const both: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], both: { since: '2025-01-01' } }
// @ts-expect-error: never there
export const nothing: ShapeMade = { kind: 'circle', radius: 1, tags: ['red'], nothing: 1 }
// @ts-expect-error: trees all the way down
export const stone: TreeGrown = { value: 1, left: { value: 2, left: { value: 'three' } } }
// @ts-expect-error: closed
export const leaf: TreeGrown = { value: 1, leaf: true }
// @ts-expect-error: required
export const mute: Say = { id: 'a' }
// @ts-expect-error: a frame of another type
export const type: ClientEvent = { type: 'whisper', data: { id: 'a', text: 'b' } }
// @ts-expect-error: the channel's name does not fit
export const join: SubscribeClientFrame = { type: 'join', channel: 'house:a' }
// @ts-expect-error: the type does not fit the pattern
export const odd: OddEvent = { type: 'even.one', id: '', seq: 1, channel: '', at: '', data: circle }

export const handle = (event: ServerEvent): string => {
  switch (event.type) {
    case 'tree.grown': return event.data.left?.value.toFixed() ?? ''
    case 'say.ok': return event.reply.id
    case 'say.no': return event.errors[0]?.pointer ?? event.code
    case 'shape.made':
      // @ts-expect-error: not before it is known which shape it is
      event.data.radius.toFixed()
      return event.data.kind === 'circle' ? event.data.radius.toFixed() : event.data.size[1].toFixed()
    // @ts-expect-error: no such event
    case 'tree.felled': return ''
    default: return ''
  }
}

const client = connect(contract, { url: 'http://127.0.0.1' })
client.subscribe('room:a', event => {
  if (event.type === 'tree.grown') event.data.value.toFixed()
  // @ts-expect-error: not in this contract
  if (event.type === 'tree.felled') event.data
})
client.subscribe('room:lobby', event => {
  // @ts-expect-error: no trees in the lobby
  if (event.type === 'tree.grown') event.data
})
// @ts-expect-error: no such channel
client.subscribe('house:a', () => {})
client.on('tree.grown', event => event.data.value.toFixed())
client.on('odd.one', event => event.data.tags[0])
// @ts-expect-error: no such type
client.on('tree.felled', () => {})
// @ts-expect-error: what a tree has not
client.on('tree.grown', event => event.data.text)
client.send('say', { id: 'a', text: 'b' }).then(reply => reply.seq.toFixed())
// @ts-expect-error: a payload that the schema refuses
client.send('say', { id: 'a', text: 1 })
// @ts-expect-error: closed
client.send('say', { id: 'a', text: 'b', loud: true })
// @ts-expect-error: nobody may send it
client.send('tree.grown', { value: 1 })
// @ts-expect-error: the answer has no such thing
client.send('say', { id: 'a', text: 'b' }).then(reply => reply.text)
