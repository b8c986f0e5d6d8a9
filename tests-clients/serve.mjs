// A server of one's own: `tidewire serve` with a configuration, in a folder that goes away.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const binary = process.env.TIDEWIRE ?? new URL('../target/debug/tidewire', import.meta.url).pathname

/** Starts a server; `folder` of an earlier one goes on with its data. */
export const serve = async (config, { contracts, folder, listen = '127.0.0.1:0', environment = {} } = {}) => {
  folder ??= await mkdtemp(join(tmpdir(), 'tidewire-'))
  await writeFile(join(folder, 'tidewire.toml'), config)
  contracts ??= join(folder, 'none')
  const child = spawn(binary, ['serve', '--config', join(folder, 'tidewire.toml'), '--contracts', contracts, '--data', join(folder, 'data'), '--listen', listen, '--metrics-listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, TIDEWIRE_LOG_FORMAT: 'json', ...environment }
  })
  const log = []
  let url, metrics
  for await (const line of createInterface({ input: child.stderr })) {
    log.push(line)
    const said = line.startsWith('{') ? JSON.parse(line) : {}
    if (said.url ?? said.fields?.url) {
      url = said.url ?? said.fields.url
      metrics = said.metrics ?? said.fields.metrics
      break
    }
  }
  if (!url) throw new Error(`the server did not start:\n${log.join('\n')}`)
  child.stderr.resume()
  const { hostname, port } = new URL(url)
  const end = async signal => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }
  return {
    url, metrics, folder, host: hostname, port: Number(port),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    async remove () {
      await end('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    }
  }
}
