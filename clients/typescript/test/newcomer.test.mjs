// A newcomer's path: a new contract, checked, its definitions, a program of ten lines against a mock, and the same program against the server.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { binary, serve } from './serve.mjs'
import { secret } from './setup.mjs'

const program = `import { connect } from '@tidewire/client'
import { contract } from './lunch.js'

const client = connect(contract, { url: process.env.URL!, token: process.env.TOKEN! })
client.subscribe('room:lobby', event => {
  if (event.type === 'message.created') console.log(event.payload.data.author, event.payload.data.text)
})
await client.send('message.send', { room: 'lobby', text: 'Hello', client_id: 'c-' + Date.now() })
`

// C-11, C-13
test('new, check, gen, mock, serve', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'newcomer-'))
  const tidewire = async (...args) => (await promisify(execFile)(binary, args, { cwd: folder })).stdout
  const running = []
  try {
    await tidewire('new', 'lunch')
    await tidewire('check', 'contracts/lunch')
    await tidewire('gen', 'typescript', 'contracts/lunch', '--out', 'lunch.ts')

    // What npm would do.
    const home = new URL('..', import.meta.url).pathname
    await mkdir(join(folder, 'node_modules/@tidewire'), { recursive: true })
    await symlink(home, join(folder, 'node_modules/@tidewire/client'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await writeFile(join(folder, 'program.ts'), program)
    assert.ok(program.trim().split('\n').length <= 10)
    const options = ['--strict', '--noUnusedLocals', '--target', 'es2022', '--module', 'nodenext', '--types', 'node', '--typeRoots', join(home, 'node_modules/@types')]
    await promisify(execFile)(process.execPath, [join(home, 'node_modules/typescript/bin/tsc'), ...options, 'program.ts'], { cwd: folder })

    /** The program, until it has said something. */
    const says = async (url, token) => {
      const child = spawn(process.execPath, ['program.js'], { cwd: folder, env: { ...process.env, URL: url, TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] })
      running.push(child)
      const [line] = await once(createInterface({ input: child.stdout }), 'line')
      return line
    }

    const mock = spawn(binary, ['mock', 'contracts/lunch', '--rate', '0', '--listen', '127.0.0.1:0', '--json'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    running.push(mock)
    const about = JSON.parse((await once(createInterface({ input: mock.stdout }), 'line'))[0])
    assert.equal(await says(about.url, about.tokens.ana), 'ana Hello')

    const key = createHash('sha256').update('the key of a backend').digest('hex')
    const configuration = `[contracts.lunch]\nbackend_keys = ["sha256:${key}"]\n[[contracts.lunch.auth.keys]]\nalgorithm = "HS256"\nsecret = "${secret}"\n`
    const server = await serve(configuration, { contracts: join(folder, 'contracts'), folder })
    running.push({ kill: () => server.kill() })
    const token = await tidewire('token', 'lunch', '--claim', 'sub=boris', '--claim', 'rooms=["lobby"]', '--secret', secret)
    assert.equal(await says(server.url, token.trim()), 'boris Hello')
  } finally {
    await Promise.all(running.map(child => child.kill('SIGKILL')))
    await rm(folder, { recursive: true, force: true })
  }
})
