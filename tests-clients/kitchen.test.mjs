// The kitchen of the demo's store, in a real browser: once with pusher-js, once with what the page brings along itself.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { relay } from './relay.mjs'
import { binary } from './serve.mjs'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const library = new URL('node_modules/pusher-js/dist/web/pusher.js', import.meta.url).pathname
const limit = { timeout: 120_000 }
const sku = 'pizza-bab-el-oued'
let browser

before(async () => {
  assert.ok(existsSync(executablePath), `there is no ${executablePath}: run \`make setup\`, or say in CHROMIUM where a browser is`)
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  browser = await chromium.launch({ executablePath, args })
})
after(() => browser?.close())

for (const [name, environment] of [['pusher-js', { PUSHER_JS: library }], ['the page itself', {}]]) {
  describe(`a kitchen on ${name}`, () => kitchen(environment))
}

function kitchen (environment) {
  let demo, about, devices
  const pages = []

  const ask = async (who, path, body, headers = {}) => {
    const authorization = `Bearer ${about.store.tokens[who] ?? who}`
    const answer = await fetch(about.url + path, {
      method: body ? 'POST' : 'GET',
      headers: { authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
      body: body && JSON.stringify(body)
    })
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`)
    return answer.json()
  }
  const open = async () => (await ask('kds', '/v1/kds/tickets?status=in_preparation,ready')).tickets
  /** An order of one thing: its ticket. */
  const order = async (item = {}) => {
    const { order } = await ask('kiosk', '/v1/orders', { items: [{ name: 'Classic Burger', price_cents: 14000, ...item }] })
    return (await open()).find(ticket => ticket.order_id === order.id)
  }
  const move = (id, how, to) => ask('kds', `/v1/kds/tickets/${id}/${how}`, { to })

  /** A screen that has joined, with a browser's storage of its own. */
  const screen = async (token, query = '', context = undefined, url = about.url) => {
    const page = await (context ?? await browser.newContext()).newPage()
    pages.push(page)
    page.on('pageerror', error => { page.broken = error })
    await page.goto(`${url}/kitchen${query}#token=${encodeURIComponent(token)}`)
    await joined(page)
    return page
  }
  const joined = page => page.waitForFunction(() => document.documentElement.dataset.joined)
  const shows = (page, id, status) => page.waitForSelector(`#ticket-${id}[data-status=${status}]`)
  const leaves = (page, id) => page.waitForSelector(`#ticket-${id}`, { state: 'detached' })
  const press = (page, id, button) => page.click(`#ticket-${id} button.${button}`)
  /** What the page has taken in since it was loaded. */
  const log = page => page.$$eval('#log li', lines => lines.map(({ dataset, textContent }) => ({ seq: Number(dataset.seq), id: dataset.id, event: dataset.event, text: textContent })))
  /** The same tickets in the same statuses as the backend has, and each event once, in order, without a hole. */
  const agrees = async page => {
    const truth = (await open()).map(({ id, status }) => `${id} ${status}`)
    await page.waitForFunction(truth => {
      const shown = [...document.querySelectorAll('#tickets > li')].map(({ id, dataset }) => `${id.replace('ticket-', '')} ${dataset.status}`)
      return JSON.stringify(shown.sort()) === JSON.stringify(truth.sort())
    }, truth)
    const lines = await log(page)
    lines.forEach(({ seq }, at) => assert.equal(seq, lines[0].seq + at))
    assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length)
    assert.equal(page.broken, undefined)
  }

  before(async () => {
    demo = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--json', '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PUSHER_JS: undefined, ...environment } })
    const [line] = await once(createInterface({ input: demo.stdout }), 'line')
    about = JSON.parse(line)
    const one = { type: 'KDS', store: sku, abilities: ['kds.read', 'kds.update', 'device.sync'] }
    devices = await Promise.all([1, 2, 3].map(() => ask(about.store.backend_key, '/v1/devices', one)))
  })
  after(async () => {
    await Promise.all(pages.map(page => page.context().close()))
    demo?.kill('SIGKILL')
  })

  // K-14, K-12: what is done on one screen is seen on the other; each knows of the other.
  test('a bump on one screen is seen on the other', limit, async () => {
    const [one, other] = await Promise.all([screen(devices[0].token), screen(devices[1].token)])
    const isLibrary = await one.evaluate(() => Array.isArray(Pusher.instances))
    assert.equal(isLibrary, environment.PUSHER_JS !== undefined)
    for (const page of [one, other]) await page.waitForFunction(() => document.getElementById('screens').textContent === '2 screens')
    const { id } = await order({ modifiers: ['Cheese', 'No onion'] })
    await Promise.all([one, other].map(page => shows(page, id, 'in_preparation')))
    assert.match(await other.textContent(`#ticket-${id}`), /1 × Classic Burger, Cheese, No onion/)
    for (const [page, button, status] of [[one, 'ready', 'ready'], [other, 'in_preparation', 'in_preparation'], [one, 'ready', 'ready']]) {
      await press(page, id, button)
      await Promise.all([one, other].map(page => shows(page, id, status)))
    }
    await press(other, id, 'served')
    await Promise.all([one, other].map(page => leaves(page, id)))
    const { events } = await ask('kds', `/v1/events/since?channel=private-store.${sku}.kds&seq=0`)
    const moves = events.filter(({ event, data }) => event === 'KdsTicketUpdated' && data.ticket_id === id)
    assert.deepEqual(moves.map(({ data }) => data.status), ['ready', 'in_preparation', 'ready', 'served'])
    assert.deepEqual(moves.map(({ sender }) => sender.device_id), [0, 1, 0, 1].map(of => devices[of].id))
    await Promise.all([agrees(one), agrees(other)])
    await other.context().close()
    await one.waitForFunction(() => document.getElementById('screens').textContent === '1 screen')
    await one.context().close()
  })

  // K-10, K-11: what is published while a page is between its snapshot and its subscription comes behind it, each once.
  test('a reload misses nothing and shows nothing twice', limit, async () => {
    const page = await screen(devices[0].token)
    const [first, second] = [await order(), await order()]
    await Promise.all([shows(page, first.id, 'in_preparation'), shows(page, second.id, 'in_preparation')])
    for (let round = 0; round < 3; round++) {
      // The page has its snapshot, and asks to be let in: it has to wait.
      let held = []
      await page.route('**/broadcasting/auth', route => held ? void held.push(route) : route.continue())
      const arrived = page.waitForRequest('**/broadcasting/auth')
      await page.reload()
      await arrived
      const before = (await ask('kds', '/v1/kds/tickets')).seq
      const fresh = await order()
      await move(first.id, round % 2 ? 'undo' : 'bump', round % 2 ? 'in_preparation' : 'ready')
      await move(fresh.id, 'bump', 'ready')
      const waiting = held
      held = null
      await Promise.all(waiting.map(route => route.continue()))
      await joined(page)
      await page.unroute('**/broadcasting/auth')
      await order()
      await agrees(page)
      const lines = await log(page)
      assert.deepEqual(lines.map(({ seq }) => seq - before), [1, 2, 3, 4])
      assert.deepEqual(lines.map(({ event }) => event), ['KdsTicketCreated', 'KdsTicketUpdated', 'KdsTicketUpdated', 'KdsTicketCreated'])
      assert.equal(lines.slice(0, 3).every(({ text }) => text.endsWith('(missed)')), true)
    }
    // And with events all the time, wherever the reload happens to be.
    let reloading = true
    const traffic = (async () => {
      for (let i = 0; reloading || i < 10; i++) {
        const { id } = await order()
        await move(id, 'bump', 'ready')
        if (i % 2) await move(id, 'bump', 'served')
      }
    })()
    for (let round = 0; round < 4; round++) {
      await page.reload()
      await joined(page)
    }
    reloading = false
    await traffic
    await agrees(page)
    await page.context().close()
  })

  // K-11, K-18: a line that breaks is taken up again by itself, behind what the screen has; what was done meanwhile follows.
  test('a screen whose line was cut goes on where it was', limit, async () => {
    const line = await relay(about.url)
    const page = await screen(devices[0].token, '', undefined, line.url)
    const [one, two] = [await order(), await order()]
    await Promise.all([one, two].map(({ id }) => shows(page, id, 'in_preparation')))
    const before = (await log(page)).length
    line.cut()
    await page.waitForSelector('#state:not([data-state=connected])')
    await press(page, two.id, 'ready')
    await page.waitForSelector(`#ticket-${two.id}[data-moving=true][data-status=in_preparation]`)
    await move(one.id, 'bump', 'ready')
    const fresh = await order()
    line.mend()
    await Promise.all([shows(page, one.id, 'ready'), shows(page, two.id, 'ready'), shows(page, fresh.id, 'in_preparation')])
    const lines = (await log(page)).slice(before)
    assert.equal(lines.length, 3)
    assert.deepEqual(lines.slice(0, 2).map(({ text }) => text.endsWith('(missed)')), [true, true])
    await agrees(page)
    // The place of the channel is kept, and is that of the log.
    const channel = `private-store.${sku}.kds`
    const { seq } = await ask(about.store.backend_key, `/v1/channels/${channel}`)
    assert.equal(await page.evaluate(channel => Number(localStorage.getItem(`seq/${channel}`)), channel), seq)
    await page.context().close()
    line.close()
  })

  // K-10: a place that the log cannot go on from is said, and the screen begins anew instead of believing that nothing was missed.
  test('a screen from another time begins anew', limit, async () => {
    const known = await order()
    let lies = 0
    const context = await browser.newContext()
    await context.route('**/v1/kds/tickets?**', async route => {
      if (lies++) return route.continue()
      const response = await route.fetch()
      await route.fulfill({ response, json: { ...await response.json(), tickets: [], seq: 1_000_000 } })
    })
    const page = await screen(devices[0].token, '', context)
    await shows(page, known.id, 'in_preparation')
    assert.equal(lies, 2)
    await move(known.id, 'bump', 'ready')
    await shows(page, known.id, 'ready')
    await agrees(page)
    assert.equal(await page.textContent('#problem'), '')
    await context.close()
  })

  // K-11, K-14: what is done where nobody answers waits, also over a reload, and is done once.
  test('a bump without a line is sent later, once', limit, async () => {
    const page = await screen(devices[0].token)
    const { id } = await order()
    await shows(page, id, 'in_preparation')
    // The first time the backend hears it, and the screen does not hear the answer.
    let heard = 0
    await page.route('**/bump', async route => {
      if (heard++ === 0) await route.fetch()
      await route.abort()
    })
    await press(page, id, 'ready')
    await page.waitForSelector(`#ticket-${id}[data-moving=true]`)
    await shows(page, id, 'ready')
    await page.reload()
    await page.waitForSelector(`#ticket-${id}[data-moving=true][data-status=ready]`)
    await page.unroute('**/bump')
    await page.waitForSelector(`#ticket-${id}[data-moving=false][data-status=ready]`)
    const { events } = await ask('kds', `/v1/events/since?channel=private-store.${sku}.kds&seq=0&limit=1000`)
    assert.equal(events.filter(({ event, data }) => event === 'KdsTicketUpdated' && data.ticket_id === id).length, 1)
    assert.equal(await page.textContent('#problem'), '')
    await agrees(page)
    await page.context().close()
  })

  // K-2, K-14: a station's screen has what that station makes; categories are the screen's own affair.
  test('a station sees its own tickets', limit, async () => {
    const [oven, salads] = await Promise.all([screen(devices[0].token, '?station=oven'), screen(devices[1].token, '?categories=4')])
    assert.equal(await oven.evaluate(() => document.documentElement.dataset.joined), `private-store.${sku}.kds.station.oven`)
    const calzone = await order({ name: 'Calzone', prep_station: 'oven', category_id: 1 })
    const salad = await order({ name: 'Salad', prep_station: 'cold', category_id: 4 })
    await Promise.all([shows(oven, calzone.id, 'in_preparation'), shows(salads, salad.id, 'in_preparation')])
    await press(oven, calzone.id, 'ready')
    await shows(oven, calzone.id, 'ready')
    const shown = page => page.$$eval('#tickets > li', all => all.map(({ id }) => id))
    assert.deepEqual([await shown(oven), await shown(salads)], [[`ticket-${calzone.id}`], [`ticket-${salad.id}`]])
    await Promise.all([oven, salads].map(page => page.context().close()))
  })

  // K-5, K-15: a device is on one screen; it beats while it is there.
  test('the newest screen of a device wins, and its heart beats', limit, async () => {
    const old = await screen(devices[2].token)
    const fresh = await screen(devices[2].token)
    await old.waitForFunction(() => document.getElementById('problem').textContent.includes('elsewhere'))
    await old.waitForSelector('#state[data-state=disconnected]')
    await fresh.waitForSelector('#state[data-state=connected]')
    const { devices: known } = await ask('back_office', '/devices')
    assert.equal(known.find(({ id }) => id === devices[2].id).status, 'online')
    const { id } = await order()
    await shows(fresh, id, 'in_preparation')
    await Promise.all([old, fresh].map(page => page.context().close()))
  })
}
