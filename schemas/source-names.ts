// The names of sources that come to us with a token: role and subject. Two kinds of peers may have one subject; their events must not
// share an identity. Pure.

const USER = 'user:';

export function sourceOfUser(subject: string): string {
  return `${USER}${subject}`;
}

/** Whether its token alone says who it is: what it says of senders and chats is the word of that one person. */
export function isUser(name: string): boolean {
  return name.startsWith(USER);
}
