// Where the client keeps what outlives a page: its places in the channels, and what still has to be sent.

type Maybe<T> = T | Promise<T>

export interface Store {
  get (key: string): Maybe<string | null | undefined>
  set (key: string, value: string): unknown
}

/** Forgets with the process. */
export const memoryStore = (): Store => new Map<string, string>()

/** In the browser's `localStorage`. */
export const localStore = (): Store => ({
  get: key => localStorage.getItem(key),
  set: (key, value) => localStorage.setItem(key, value)
})

/** In the browser's IndexedDB, where more fits, and workers can reach it. */
export const indexedStore = (name = 'tidewire'): Store => {
  const done = <T>(request: IDBRequest<T>) => new Promise<T>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
  const request = indexedDB.open(name, 1)
  request.onupgradeneeded = () => void request.result.createObjectStore('values')
  const opened = done(request)
  const values = async (mode: IDBTransactionMode) => (await opened).transaction('values', mode).objectStore('values')
  return {
    get: async key => done<string | undefined>((await values('readonly')).get(key)),
    set: async (key, value) => void await done((await values('readwrite')).put(value, key))
  }
}

export const defaultStore = (): Store => {
  try {
    if (globalThis.document && localStorage) return localStore()
  } catch { /* A page may be forbidden to keep anything. */ }
  return memoryStore()
}
