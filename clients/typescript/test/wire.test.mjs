// What frames mean, without a line.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { templates } from '../dist/wire.js'
import { contract as conversation } from './generated/conversation.mjs'
import { contract as party } from './generated/party.mjs'

const said = { type: 'error', code: 'INVALID_PAYLOAD', message: 'No' }
const gap = { type: 'gap', channel: 'party:p1', from: '1', to: '5', reason: 'expired', action: 'refetch', position: '5' }

test('a contract has its own words, and the server has some where it has none', () => {
  const bare = templates({ wire: { event: { type: '${type}', data: '${data}' }, client: {}, server: {} } })
  // Of which event it is, the server does not say here: `error` is no type.
  assert.deepEqual(bare.decode(said), { kind: 'error', values: { code: said.code, message: said.message }, frame: said })
  assert.equal(bare.decode({ type: 'thing', data: 1 }).kind, 'event')
  for (const wire of [bare, templates(party), templates(conversation)]) {
    const { kind, values } = wire.decode(gap)
    assert.deepEqual([kind, values.channel, values.reason, values.position], ['gap', 'party:p1', 'expired', '5'])
  }
  for (const odd of [null, 1, 'text', [], {}]) assert.equal(bare.decode(odd).kind, 'unknown')
})

test('a frame is the one whose words fit best', () => {
  const { decode, encode, has } = templates(conversation)
  const kinds = {
    'connection.established': { payload: { connectionId: '1', serverTime: 't' } },
    'message.send.ack': { payload: { id: '1' }, timestamp: 't' },
    'message.send.error': { payload: { code: 'CONFLICT', message: 'm', action: 'a', originalEvent: 'message.send', errors: [] }, timestamp: 't' },
    'message.created': { payload: { id: '1' }, timestamp: 't' },
    // It is like the answer to an event, too, but for its words.
    'sync.request.ack': { payload: {}, timestamp: 't' }
  }
  assert.deepEqual(Object.entries(kinds).map(([type, rest]) => decode({ type, ...rest }).kind), ['hello', 'ack', 'refused', 'event', 'synced'])
  assert.equal(encode('subscribe', { channels: ['conversation:c1'], after: undefined }), '{"type":"room.join","payload":{"room":["conversation:c1"]}}')
  assert.deepEqual([has('subscribe'), has('subscribe', 'after'), has('subscribe', 'nothing'), templates(party).has('subscribe')], [true, true, false, false])
})
