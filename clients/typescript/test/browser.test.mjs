// The client in a real browser: reloads, frozen tabs, cookies, killed servers.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { here } from './generate.mjs'
import { line, start, token } from './setup.mjs'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const limit = { timeout: 120_000 }
let browser, script

// What a page has: the client, the contracts, and a list of what it heard.
const source = `
import * as tidewire from '@tidewire/client'
import { contract as board } from '../generated/board.mjs'
import { contract as odd } from '../generated/odd.mjs'
import { contract as party } from '../generated/party.mjs'
Object.assign(globalThis, { tidewire, board, odd, party, events: [], gaps: [], errors: [], states: [], settled: [] })
globalThis.open_ = (contract, channel, options) => {
  globalThis.client = tidewire.connect(contract, {
    url: location.origin,
    ...options,
    onGap: gap => gaps.push(gap),
    onError: error => errors.push(String(error)),
    onState: (state, about) => states.push({ state, ...about }),
    onSettled: (entry, { error }) => settled.push({ id: entry.data.id, error: error?.code })
  })
  client.subscribe(channel, event => events.push(event))
}
`

before(async () => {
  assert.ok(existsSync(executablePath), `there is no ${executablePath}: run \`make setup\`, or say in CHROMIUM where a browser is`)
  const built = await build({ stdin: { contents: source, resolveDir: `${here}types` }, bundle: true, format: 'iife', write: false, logLevel: 'error' })
  script = built.outputFiles[0].text
  // The page is put in by the test, so the browser does not know that it is of this machine.
  const args = ['--disable-features=LocalNetworkAccessChecks', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])]
  browser = await chromium.launch({ executablePath, args })
})
after(() => browser?.close())

/** A page of the server's own origin, with the client in it. */
const page = async (url, context) => {
  const page = await context.newPage()
  await page.route('**/page', route => route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>page</title><script>${script}</script>` }))
  page.on('pageerror', error => { page.broken = error })
  await page.goto(`${url}/page`)
  return page
}
const heard = page => page.evaluate(() => events.map(event => event.data ?? event.payload))
const until = (page, what, argument) => page.waitForFunction(what, argument, { timeout: 45_000 }).catch(async error => {
  throw new Error(`in vain: ${what}\n${JSON.stringify(await page.evaluate(() => ({ events, gaps, errors, states, settled, pending: client?.pending })))}`, { cause: error })
})
const open = (page, channel, sign, more = '{}') => page.evaluate(([channel, sign, more]) => open_(odd, channel, { token: sign, ...(0, eval)(`(${more})`) }), [channel, sign, more])
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

for (const store of ['localStore', 'indexedStore']) {
  // K-11, C-9: the page is loaded anew while events go on, and hears each once.
  test(`a reload goes on where the page was: ${store}`, limit, async () => {
    const server = await start('odd')
    const context = await browser.newContext()
    const tab = await page(server.url, context)
    const sign = token({ sub: 'ana' })
    const begin = () => open(tab, 'room:a', sign, `{ store: tidewire.${store}() }`)
    await begin()
    await until(tab, () => client.state === 'open')
    let count = 0
    const publish = async n => { for (let i = 0; i < n; i++) await server.publish('odd', 'room:a', 'plain.thing', ++count) }
    await publish(3)
    await until(tab, n => events.length === n, 3)
    const all = await heard(tab)
    for (let round = 0; round < 3; round++) {
      // What is written down once the turn is over.
      await until(tab, () => new Promise(resolve => setTimeout(() => resolve(true), 50)))
      await tab.reload()
      await publish(2)
      await begin()
      await publish(1)
      await until(tab, () => events.length === 3)
      all.push(...await heard(tab))
    }
    assert.deepEqual(all, range(1, count))
    assert.equal(tab.broken, undefined)
    await context.close()
  })
}

// K-11: what was said without a line is pushed by the page after the reload, once, in its order.
test('the queue outlives a reload, and is pushed once', limit, async () => {
  const server = await start('odd')
  const wire = await line(server.url)
  const context = await browser.newContext()
  const tab = await page(wire.url, context)
  const sign = token({ sub: 'ana' })
  await open(tab, 'room:a', sign)
  await until(tab, () => client.state === 'open')
  wire.cut()
  await until(tab, () => client.state !== 'open')
  await tab.evaluate(() => { for (const id of ['one', 'two', 'three']) client.send('say', { id, text: id }).catch(() => {}) })
  await tab.reload()
  await open(tab, 'room:a', sign)
  await until(tab, () => client.pending.length === 3)
  await tab.evaluate(() => { client.send('say', { id: 'four', text: 'four' }) })
  wire.mend()
  await until(tab, () => settled.length === 4)
  assert.deepEqual(await tab.evaluate(() => settled.map(({ id, error }) => error ?? id)), ['one', 'two', 'three', 'four'])
  assert.deepEqual((await server.log('odd', 'room:a')).map(({ data }) => data.id), ['one', 'two', 'three', 'four'])
  await tab.reload()
  await open(tab, 'room:a', sign)
  await until(tab, () => client.state === 'open')
  assert.equal(await tab.evaluate(() => client.pending.length), 0)
  assert.equal((await server.log('odd', 'room:a')).length, 4)
  await context.close()
})

// K-18, C-8: a tab that slept, with a server that died meanwhile and with one that did not.
test('a tab that was frozen takes in what it missed', limit, async () => {
  let server = await start('odd')
  const context = await browser.newContext()
  const tab = await page(server.url, context)
  await open(tab, 'room:a', token({ sub: 'ana' }))
  await until(tab, () => client.state === 'open')
  await server.publish('odd', 'room:a', 'plain.thing', 1)
  await until(tab, () => events.length === 1)
  const cdp = await context.newCDPSession(tab)
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
  await server.publish('odd', 'room:a', 'plain.thing', 2)
  await cdp.send('Page.setWebLifecycleState', { state: 'active' })
  await until(tab, () => events.length === 2)
  await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
  await server.kill()
  server = await start('odd', server)
  await server.publish('odd', 'room:a', 'plain.thing', 3)
  // Longer than what is silence.
  await new Promise(resolve => setTimeout(resolve, 2500))
  await server.publish('odd', 'room:a', 'plain.thing', 4)
  await cdp.send('Page.setWebLifecycleState', { state: 'active' })
  await until(tab, () => events.length === 4)
  assert.deepEqual(await heard(tab), range(1, 4))
  assert.deepEqual(await tab.evaluate(() => [gaps, errors]), [[], []])
  await context.close()
})

// B-1, B-2: by the browser's own cookie, over each transport, with a server that is killed.
for (const transport of ['websocket', 'sse', 'poll']) {
  test(`a cookie, a killed server and a cut line: ${transport}`, limit, async () => {
    let server = await start('shipped')
    const wire = await line(server.url)
    const context = await browser.newContext()
    await context.addCookies([{ name: 'session', value: token({ sub: 'z1', role: 'zootechnician' }), url: wire.url }])
    const tab = await page(wire.url, context)
    await tab.evaluate(transport => open_(board, 'board:zoo', { transports: [transport] }), transport)
    await until(tab, () => client.state === 'open')
    let count = 0
    const publish = () => server.publish('board', 'board:zoo', 'task.removed', { ticketId: `t${++count}` })
    await publish()
    await until(tab, () => events.length === 1)
    await server.kill()
    await until(tab, () => client.state !== 'open')
    server = await start('shipped', server)
    await publish()
    await until(tab, () => events.length === 2)
    wire.cut()
    await until(tab, () => client.state !== 'open')
    await publish()
    wire.mend()
    await until(tab, () => events.length === 3)
    assert.deepEqual((await heard(tab)).map(({ ticketId }) => ticketId), ['t1', 't2', 't3'])
    assert.deepEqual(await tab.evaluate(() => [gaps, errors, events.length, client.transport]), [[], [], 3, transport])
    assert.equal(tab.broken, undefined)
    await context.close()
  })
}

// C-8: a browser does not say why a WebSocket was refused; the token is replaced all the same.
test('a token that expired is replaced', limit, async () => {
  const server = await start('odd')
  const context = await browser.newContext()
  const tab = await page(server.url, context)
  const fresh = token({ sub: 'ana' })
  const old = token({ sub: 'ana' }, -3600)
  await open(tab, 'room:a', '', `{ token: ({ refresh }) => { globalThis.asked = (globalThis.asked ?? 0) + 1; return asked === 1 ? ${JSON.stringify(old)} : ${JSON.stringify(fresh)} } }`)
  await until(tab, () => client.state === 'open')
  assert.equal(await tab.evaluate(() => asked), 2)
  await server.publish('odd', 'room:a', 'plain.thing', 1)
  await until(tab, () => events.length === 1)
  await context.close()
})

// K-11: of several tabs with one store each says what it has to say, once and in its order; and what one of them leaves behind the other says.
test('two tabs share one queue', limit, async () => {
  const server = await start('odd')
  const wire = await line(server.url)
  const context = await browser.newContext()
  const tabs = [await page(wire.url, context), await page(wire.url, context)]
  const [first, second] = tabs
  for (const tab of tabs) {
    await open(tab, 'room:a', token({ sub: 'ana' }))
    await until(tab, () => client.state === 'open')
  }
  const say = (tab, ...ids) => tab.evaluate(ids => { for (const id of ids) client.send('say', { id, text: id }).catch(() => {}) }, ids)
  const cut = async () => {
    wire.cut()
    for (const tab of tabs) await until(tab, () => client.state !== 'open')
  }
  const said = async () => (await server.log('odd', 'room:a')).map(({ data }) => data.id)
  await cut()
  await say(first, 'one', 'two', 'three')
  await say(second, 'four', 'five')
  wire.mend()
  await until(first, () => settled.length === 3)
  await until(second, () => settled.length === 2)
  const all = await said()
  assert.deepEqual([...all].sort(), ['five', 'four', 'one', 'three', 'two'])
  assert.deepEqual([all.filter(id => /one|two|three/.test(id)), all.filter(id => /four|five/.test(id))], [['one', 'two', 'three'], ['four', 'five']])

  await cut()
  await say(first, 'six', 'seven')
  await say(second, 'eight')
  await until(first, () => Object.keys(localStorage).some(key => key.endsWith('outbox') && localStorage[key].includes('seven')))
  await first.close()
  await until(second, () => client.pending.length === 3)
  wire.mend()
  await until(second, () => settled.length === 5)
  assert.deepEqual((await said()).slice(5), ['six', 'seven', 'eight'])
  assert.deepEqual(await second.evaluate(() => [settled.map(({ id, error }) => error ?? id), errors]), [['four', 'five', 'six', 'seven', 'eight'], []])
  await context.close()
})

// K-18: a page does not see the pings below the protocol. A wire that has none of its own is not left because nothing happens, only if it does not bring what does.
test('a wire without pings of its own', limit, async () => {
  const server = await start('shipped')
  const wire = await line(server.url)
  const context = await browser.newContext()
  const tab = await page(wire.url, context)
  let asked = 0
  tab.on('requestfinished', request => { if (request.url().includes('/v1/events/since')) asked++ })
  const sign = token({ character_id: 'ana', display_name: 'Ana', parties: ['p1'], campaign_runs: ['r1'] })
  await tab.evaluate(sign => open_({ ...party, keepalive: { ...party.keepalive, ping: 1200 } }, 'party:p1', { token: sign, variables: { run_id: 'r1', character_id: 'ana' }, transports: ['websocket'] }), sign)
  await until(tab, () => client.state === 'open')
  const state = status => server.publish('party', 'party:p1', 'party.state', { party_id: 'p1', campaign_run_id: 'r1', status, run_status: 'active', scene_number: 1, characters: [] })
  const statuses = () => tab.evaluate(() => events.filter(({ type }) => type === 'party.state').map(({ payload }) => payload.status))
  // Asked for again and again, through several times of what is silence where something is owed.
  const before = asked
  while (asked < before + 4) await tab.waitForEvent('requestfinished')
  assert.deepEqual([wire.opened, await tab.evaluate(() => states.map(({ state, reason }) => reason ?? state))], [1, ['open']])
  await state('exploring')
  await until(tab, () => events.some(({ payload }) => payload.status === 'exploring'))
  assert.equal(wire.opened, 1)
  // From now on the line is up, and brings nothing.
  wire.tamper = (json, frame) => wire.opened === 1 ? [] : [frame]
  await state('voting')
  await until(tab, () => events.some(({ payload }) => payload.status === 'voting') && states.at(-1).state === 'open' && states.length > 1)
  assert.equal(wire.opened, 2)
  assert.match(await tab.evaluate(() => states.find(({ state }) => state === 'waiting').reason), /late/)
  await state('fighting')
  await until(tab, () => events.some(({ payload }) => payload.status === 'fighting'))
  assert.deepEqual(await statuses(), ['exploring', 'voting', 'fighting'])
  assert.deepEqual(await tab.evaluate(() => [gaps, errors]), [[], []])
  await context.close()
})
