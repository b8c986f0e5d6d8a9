// The party's document, from the client's side: who is there, what they do, and what they missed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract } from './generated/party.mjs'
import { backend, line, listen, start, token } from './setup.mjs'

const limit = { timeout: 120_000 }
const channel = 'party:p1'
const sign = who => token({ character_id: who, display_name: who.toUpperCase(), parties: ['p1'], campaign_runs: ['r1'] })
const action = (who, id) => ({ action_id: id, character_id: who, campaign_run_id: 'r1', action_type: 'choice', payload: { choice: 'A' } })
const scene = scene_number => ({ scene_number, title: 'Three ways', text: 'Two doors.', decides: 'party', choices: [], skill_checks: [], flags: {} })
const names = heard => heard.client.members(channel).map(({ character_id }) => character_id).sort()
const scenes = heard => heard.events.filter(({ event }) => event.type === 'scene.update').map(({ event }) => event.payload.scene_number)

const play = (url, who, options) => {
  const heard = listen(contract, { url, token: sign(who), variables: { run_id: 'r1', character_id: who }, ...options })
  heard.client.subscribe(channel, heard.hears)
  return heard
}

// P-1, P-5, P-6, P-7, P-10; C-8, G-3: two join, one acts and is answered once, the other sees it; and what was missed comes after a line broke.
test('two players join, act, and come back', limit, async () => {
  const asked = []
  const engine = await backend(({ type, data }) => {
    asked.push(data.action_id)
    if (data.action_id === 'a-3') throw { code: 'NOT_YOUR_TURN', message: 'It is Ana\'s turn' }
    return { reply: { outcome: 'success', type }, events: [{ channel, type: 'scene.update', data: scene(asked.length) }] }
  })
  const server = await start('shipped', undefined, engine)
  const wire = await line(server.url)
  const ana = await play(server.url, 'ana').open()
  const boris = await play(wire.url, 'boris').open()
  assert.deepEqual([ana, boris].map(heard => heard.client.transport), ['websocket', 'websocket'])

  assert.deepEqual(await ana.client.send('action.request', action('ana', 'a-1')), { outcome: 'success', type: 'action.request' })
  for (const heard of [ana, boris]) await heard.until(() => scenes(heard).length === 1)
  // It was done before, and nobody is asked again.
  assert.deepEqual(await ana.client.send('action.request', action('ana', 'a-1')), { outcome: 'success', type: 'action.request' })
  const refused = await boris.client.send('action.request', action('boris', 'a-3')).catch(error => error)
  assert.deepEqual([refused.code, refused.action], ['NOT_YOUR_TURN', contract.errors.NOT_YOUR_TURN])
  assert.deepEqual(asked, ['a-1', 'a-3'])

  wire.cut()
  await boris.until(() => boris.client.state === 'waiting')
  await ana.client.send('action.request', action('ana', 'a-4'))
  const late = boris.client.send('action.request', action('boris', 'a-5'))
  wire.mend()
  boris.client.wake()
  await late
  for (const heard of [ana, boris]) {
    await heard.until(() => scenes(heard).length === 3)
    assert.deepEqual(scenes(heard), [1, 3, 4])
    assert.deepEqual([heard.gaps, heard.errors], [[], []])
  }
  await server.remove()
})

// P-4, P-5: the first frame says who is there, and events say who comes and goes.
for (const transport of ['websocket', 'sse']) {
  test(`who is there, over a contract's own frames: ${transport}`, limit, async () => {
    const server = await start('shipped')
    const ana = await play(server.url, 'ana', { transports: [transport] }).open()
    const boris = await play(server.url, 'boris').open()
    await boris.until(() => names(boris).join() === 'ana,boris')
    // An event stream has no first frame: it knows of those who come while it is there.
    await ana.until(() => names(ana).includes('boris'))
    boris.client.close()
    await ana.until(() => !names(ana).includes('boris'))
    await server.remove()
  })
}
