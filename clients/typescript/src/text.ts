// Text with names in it, and JSON made of such text: filled with values, and recognised in what comes.
import type { ChannelKind, Description, Template } from './description.js'

export type Values = Record<string, unknown>

const isObject = (value: unknown): value is Values => Object(value) === value && !Array.isArray(value)

/** The value at `a.b.c`. */
export const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inner, name) => (inner as Values | undefined)?.[name], value)

/** The name, where a text is nothing else. */
const nameOf = (text: string) => /^\$\{([^}]+)\}$/.exec(text)?.[1]

/** A text with what stands for its names; one without letters is a dollar. */
export const put = (text: string, value: (name: string) => unknown): string =>
  text.replace(/\$\{([^}]*)\}/g, (_, name: string) => (name ? value(name) ?? '' : '$') as string)

/** A template with what stands for its names; a member without a value is `undefined`, which JSON leaves out. */
export const fill = (template: Template | undefined, values: Values): unknown => {
  if (typeof template === 'string') {
    const name = nameOf(template)
    return name ? at(values, name) : put(template, name => at(values, name))
  }
  if (Array.isArray(template)) return template.map(item => fill(item, values))
  if (!isObject(template)) return template
  return Object.fromEntries(Object.entries(template).map(([name, inner]) => [name, fill(inner as Template, values)]))
}

/**
 * How well a value is like a template, and what its names stand for (put into `found`); below 0 where it is not.
 * Constants count most, and less where they stand around a name; members that the template does not have count against it, but a newer server may send them.
 */
export const like = (template: Template, value: unknown, found: Values): number => {
  if (typeof template === 'string') {
    const name = nameOf(template)
    if (name) {
      found[name] = value
      return 1
    }
    const bound: string[] = []
    const pattern = template.split(/\$\{([^}]*)\}/).map((piece, place) => place % 2 && piece ? bound.push(piece) && '(.+?)' : (place % 2 ? '$' : piece).replace(/\W/g, '\\$&'))
    const match = typeof value === 'string' && new RegExp(`^${pattern.join('')}$`, 's').exec(value)
    if (!match) return -1
    bound.forEach((name, place) => { found[name] = match[place + 1] })
    return bound[0] ? 50 : 100
  }
  if (!isObject(template)) return JSON.stringify(template) === JSON.stringify(value) ? 100 : -1
  if (!isObject(value)) return -1
  let score = 0
  for (const name in template) {
    const part = name in value ? like(template[name] as Template, value[name], found) : -1
    if (part < 0) return -1
    score += part
  }
  return Math.max(0, score - Object.keys(value).filter(name => !(name in template)).length)
}

/** An address such as `world:{world_id}`, or a path, as a template. */
export const asTemplate = (address: string): string => address.replaceAll('{', '${')

/** The variables of a name that fits an address. */
export const parse = (address: string, name: string): Record<string, string> | undefined => {
  const found: Record<string, string> = {}
  return like(asTemplate(address), name, found) < 0 ? undefined : found
}

/** The kind of channel that a name is of: the first whose address fits it. */
export const kindOf = ({ channels }: Description, name: string | undefined): ChannelKind | undefined =>
  channels.find(({ address }) => name && parse(address, name))

/** Whether a type is one of a pattern such as `chat.*`. */
export const fits = (pattern: string, type: string): boolean => pattern === type || (pattern.endsWith('*') && type.startsWith(pattern.slice(0, -1)))
