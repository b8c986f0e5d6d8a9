// What the screen shows.
const $ = id => document.getElementById(id)
const logMax = 200

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

export const problem = error => { $('problem').textContent = error ? String(error.message ?? error) : '' }
export const state = current => { $('state').dataset.state = current }

export const screens = members => {
  const ids = []
  members.each(({ id }) => ids.push(id))
  $('screens').textContent = `${members.count} ${members.count === 1 ? 'screen' : 'screens'}`
  $('screens').title = ids.join(', ')
}

const card = (ticket, moving, onMove) => {
  const lines = ticket.items.map(({ qty, name, modifiers = [] }) => element('li', { textContent: [`${qty} × ${name}`, ...modifiers].join(', ') }))
  const item = element('li', { id: `ticket-${ticket.id}` },
    element('time', { dateTime: ticket.created_at }),
    element('strong', { textContent: `#${ticket.order_id}` }), ` ${ticket.station ?? ''}`,
    element('ul', {}, ...lines), element('p', { textContent: ticket.notes ?? '', hidden: !ticket.notes }))
  Object.assign(item.dataset, { status: ticket.status, at: ticket.updated_at, moving })
  const button = (name, how, to) => item.append(element('button', { textContent: name, className: to, disabled: moving, onclick: () => onMove(ticket, how, to) }))
  if (ticket.status === 'in_preparation') button('Ready', 'bump', 'ready')
  else {
    button('Served', 'bump', 'served')
    button('Delivered', 'bump', 'delivered')
    button('Back', 'undo', 'in_preparation')
  }
  return item
}

/** Open tickets, with what can be done to them. What has not changed stays as it is: no button goes away under a finger. */
export const tickets = (open, isMoving, onMove) => {
  const list = $('tickets')
  const kept = new Set()
  open.forEach((ticket, at) => {
    const moving = isMoving(ticket.id)
    let shown = $(`ticket-${ticket.id}`)
    const { at: since, moving: was } = shown?.dataset ?? {}
    if (since !== ticket.updated_at || was !== String(moving)) {
      const fresh = card(ticket, moving, onMove)
      shown?.replaceWith(fresh)
      shown = fresh
    }
    if (list.children[at] !== shown) list.insertBefore(shown, list.children[at] ?? null)
    kept.add(shown)
  })
  for (const shown of [...list.children]) if (!kept.has(shown)) shown.remove()
  tick()
}

/** One line for each event that the screen has taken in. */
export const log = ({ event, event_id: id, seq, meta, data }) => {
  const line = element('li', { textContent: `${seq} ${event} ${data.ticket?.id ?? data.ticket_id ?? ''} ${data.status ?? ''}${meta.replay ? ' (missed)' : ''}` })
  Object.assign(line.dataset, { seq, id, event })
  $('log').append(line)
  while ($('log').children.length > logMax) $('log').firstChild.remove()
}

/** How long each ticket has been there. */
const tick = () => {
  for (const time of document.querySelectorAll('#tickets time')) {
    const seconds = Math.max(0, Math.round((Date.now() - new Date(time.dateTime)) / 1000))
    time.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }
}
setInterval(tick, 1000)
