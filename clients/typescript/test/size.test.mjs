// How much a page loads for it.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const home = new URL('..', import.meta.url).pathname
/** What esbuild makes of one line of an application for a page, and gzip of that: the bytes of the package, all of it, and nothing loaded later. */
const size = async (line, conditions = []) => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: line, resolveDir: home }, conditions, bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, metafile: true, logLevel: 'error'
  })
  assert.ok(Object.values(metafile.inputs).every(({ imports }) => imports.every(({ kind, external }) => kind === 'import-statement' && !external)))
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

// Bytes: grow it only for something that is worth it.
test('the client is small', async () => {
  assert.ok(await size("export { connect } from '@tidewire/client'") < 8000)
  assert.ok(await size("export { pusher } from '@tidewire/client/pusher'") <= 1500)
  // The same from the readable modules, whose names are longer.
  assert.ok(await size("export { connect } from '@tidewire/client'", ['development']) <= 8200)
})

test('it has no dependencies, and nothing of Node where it is for browsers', async () => {
  const { dependencies } = JSON.parse(await readFile(`${home}package.json`, 'utf8'))
  assert.equal(dependencies, undefined)
  for (const file of await readdir(`${home}dist`, { recursive: true })) {
    if (!file.endsWith('.js') || /node/.test(file)) continue
    const text = await readFile(`${home}dist/${file}`, 'utf8')
    for (const [, from] of text.matchAll(/\bfrom ?['"]([^'"]*)['"]/g)) assert.match(from, /^\.\.?\//, file)
  }
})

// What is not seen from outside has other names in the bundle: none of them may be one that is.
test('the bundle has the names that applications, contracts and platforms know', async () => {
  const { own } = await import('../bundle.mjs')
  const known = new Set()
  const names = value => {
    if (typeof value !== 'object' || value === null) return
    if (!Array.isArray(value)) Object.keys(value).forEach(name => known.add(name))
    Object.values(value).forEach(names)
  }
  for (const file of await readdir(`${home}test/generated`)) if (file.endsWith('.mjs')) names((await import(`${home}test/generated/${file}`)).contract)
  for (const file of ['options', 'description', 'errors', 'store', 'outbox']) {
    const text = (await readFile(`${home}dist/${file}.d.ts`, 'utf8')).replace(/^export declare const outbox[^]*/m, '')
    for (const [, name] of text.matchAll(/^ +(?:readonly |get )?(\w+)\??[:(<]/gm)) known.add(name)
  }
  for (const shared of [globalThis, Array, Map, Set, Promise, AbortSignal, AbortController, Response, URL, URLSearchParams, EventTarget, Event, String, RegExp, JSON, Object, ReadableStream]) {
    for (const object of [shared, shared.prototype]) if (object) Object.getOwnPropertyNames(object).forEach(name => known.add(name))
  }
  assert.ok(known.has('onGap') && known.has('unlessAsked') && known.has('aborted'))
  assert.deepEqual(own.filter(name => known.has(name)), [])
})
