// What a page loads: each entry as one minified file, in which names that only the modules know are short.
import { build } from 'esbuild'

/** Properties that neither an application, nor a contract, nor a platform sees; the modules and `pusher` agree on them. */
export const own = [
  // Session
  'isSocket', 'opened', 'heard', 'ended', 'end', 'expect', 'say', 'look', 'probe', 'change',
  // Host, Memory, Presence
  'contract', 'memory', 'wanted', 'ready', 'take', 'places', 'isNew', 'isNewest', 'lacks', 'reset', 'forget',
  // Outbox
  'flying', 'adopt', 'broke', 'pause', 'emptied', 'abandon', 'entry', 'settle',
  // Line, Wire, Place
  'frame', 'passed', 'decode', 'encode', 'admit', 'endpoint'
]

if (process.argv[1] === new URL(import.meta.url).pathname) await build({
  entryPoints: { tidewire: 'dist/index.js', pusher: 'dist/pusher.js' },
  absWorkingDir: new URL('.', import.meta.url).pathname,
  outdir: 'dist',
  outExtension: { '.js': '.min.js' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  mangleProps: new RegExp(`^(${own.join('|')})$`),
  logLevel: 'warning'
})
