// What the gateway writes when a peer says that it has handled a reply: an event of the peer's source, in these bytes always, so that
// an acknowledgement that is said twice is one event, and whoever knows what a source has acknowledged knows its rows. Pure.

export function deliveredEvent(replyId: string, recipient: string) {
  return { event: 'delivered', id: replyId, recipient, message_id: replyId };
}
