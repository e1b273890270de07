import { ProtocolError } from '@platformatic/kafka';
import { expect, test, vi } from 'vitest';
import { createLogger } from '../../service/logger.ts';
import { GroupCommits } from './group-commits.ts';

const of = (partition: number) => ({ topic: 't', partition });

interface Sent {
  readonly offsets: readonly string[];
  readonly answer: PromiseWithResolvers<void>;
}

function commitsWithBroker() {
  const sent: Sent[] = [];
  const lost = new AbortController();
  let fenced = 0;
  const commits = new GroupCommits({
    logger: createLogger('test', 'silent'),
    lost: lost.signal,
    send: (offsets) => {
      const answer = Promise.withResolvers<void>();
      sent.push({ offsets: offsets.map((one) => `${one.of.partition}:${one.offset}`), answer });
      return answer.promise;
    },
    onFenced: () => {
      fenced += 1;
    },
  });
  return { commits, sent, lost, fenced: () => fenced };
}

async function at(sent: readonly Sent[], index: number): Promise<Sent> {
  for (;;) {
    const found = sent[index];
    if (found !== undefined) return found;
    await new Promise(setImmediate);
  }
}

test('what comes up while a request is on its way goes together with the next, the latest offset of each', async () => {
  const { commits, sent } = commitsWithBroker();
  const first = commits.commit(of(5), 1n);
  const { answer } = await at(sent, 0);
  const others = [commits.commit(of(0), 2n), commits.commit(of(1), 7n), commits.commit(of(0), 3n)];
  answer.resolve();
  expect(await first).toBe(true);
  (await at(sent, 1)).answer.resolve();
  expect(await Promise.all(others)).toEqual([true, true, true]);
  expect(sent.map(({ offsets }) => offsets)).toEqual([['5:1'], ['0:3', '1:7']]);
});

test('a request that fails is sent again until it is answered', async () => {
  const { commits, sent, fenced } = commitsWithBroker();
  const committed = commits.commit(of(0), 1n);
  (await at(sent, 0)).answer.reject(new ProtocolError('NOT_COORDINATOR'));
  (await at(sent, 1)).answer.reject(new Error('connection closed'));
  (await at(sent, 2)).answer.resolve();
  expect(await committed).toBe(true);
  expect(fenced()).toBe(0);
});

test('a request whose answer is lost is sent again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { commits, sent } = commitsWithBroker();
    const committed = commits.commit(of(0), 1n);
    await at(sent, 0);
    vi.advanceTimersByTime(10_000);
    (await at(sent, 1)).answer.resolve();
    expect(await committed).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test.for(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'] as const)(
  'a member that the broker answers %s is told so, and nothing is sent again',
  async (name) => {
    const { commits, sent, fenced } = commitsWithBroker();
    const committed = commits.commit(of(0), 1n);
    (await at(sent, 0)).answer.reject(new ProtocolError(name));
    expect(await committed).toBe(false);
    expect(fenced()).toBe(1);
    expect(sent).toHaveLength(1);
  },
);

test('when the assignment is lost nobody waits for an answer, and nothing more is sent', async () => {
  const { commits, sent, lost } = commitsWithBroker();
  const waiting = [commits.commit(of(0), 1n)];
  await at(sent, 0);
  waiting.push(commits.commit(of(1), 1n));
  lost.abort();
  waiting.push(commits.commit(of(2), 1n));
  expect(await Promise.all(waiting)).toEqual([false, false, false]);
  sent[0]?.answer.reject(new Error('connection closed'));
  await new Promise(setImmediate);
  expect(sent).toHaveLength(1);
});
