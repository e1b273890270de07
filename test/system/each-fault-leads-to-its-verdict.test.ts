// The simulator's faults against the whole system of today, once from a source that counts its events and once from one that does
// not: each fault strikes a few times, then the ledger is compared with the rows by the command line, as a researcher would.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FINDING_WEIGHT } from '../../consumers/gap-detector/verdict.ts';
import { ExportReading, LedgerReading } from '../../producers/chaos-socket/verdict/comparison.ts';
import { type LedgerLine, parseLedgerLine, type SentLine } from '../../producers/chaos-socket/verdict/ledger-line.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { System } from '../support/system.ts';
import { compareWithRows } from '../support/verdict-of-rows.ts';

const STRIKES = 3;
const BREAKING: Readonly<Record<string, object>> = {
  drop_tail: { frames: 2 },
  abrupt_close: {},
  close_code: { code: 4_001 },
  flap: { code: 4_001 },
  refuse: { forMs: 500 },
  half_open: { forMs: 1_000 },
};
const FAULTS: Readonly<Record<string, object>> = {
  drop: { recoverable: false },
  duplicate: { times: 3 },
  id_conflict: {},
  reorder: { window: 3, atMostMs: 2_000 },
  delay: { byMs: 300 },
  jitter: {},
  malformed: {},
  oversize: {},
  deep: {},
  many_fields: {},
  unknown_event: {},
  missing_id: {},
  missing_chat: {},
  clock_skew: {},
  clock_jump: {},
  bad_ts: {},
  late_ref: {},
  burst: { frames: 200 },
  ramp: { frames: 100, overMs: 500 },
  flood_n: { frames: 200, perSecond: 2_000 },
  stall: { forMs: 500 },
  slow_reader: { forMs: 300 },
  slow_writer: { forMs: 500, bytesPerSecond: 5_000 },
};

/** Only of a source that counts. */
const COUNTING: Readonly<Record<string, object>> = {
  dup_new_seq: {},
  seq_regress: { by: 2 },
  epoch_reset: {},
  ack_loss: { acks: 2 },
  ack_lie: {},
  nack: { acks: 1 },
};

let system: System;
let apiUrl: string;
let ledger: readonly LedgerLine[];
let verdict: ChaosVerdict;

const api = async <T>(path: string, method = 'GET', body?: object): Promise<T> => {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(apiUrl + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
  return (await response.json()) as T;
};

async function readLedger(): Promise<{ text: string; lines: readonly LedgerLine[] }> {
  const text = await (await fetch(`${apiUrl}/api/ledger`)).text();
  const parse = (line: string, index: number) => (line === '' ? [] : [parseLedgerLine(line, index + 1)]);
  return { text, lines: text.split('\n').flatMap(parse) };
}

const endsOf = (lines: readonly LedgerLine[]): number => lines.filter(({ line }) => line === 'closed').length;

async function strike(fault: string, options: object, times: number): Promise<void> {
  const kinds = ['late_ref', 'id_conflict'].includes(fault) ? { kinds: ['message'] } : {};
  const armed = { fault, options, probability: 1, times, ...kinds };
  const { id } = await api<{ id: string }>('/api/faults', 'POST', armed);
  const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 100 });
  await eventually(async () => {
    const faults = await api<{ armed: { id: string; fired: number }[] }>('/api/faults');
    expect(faults.armed.find((one) => one.id === id)?.fired).toBe(times);
  });
  await api(`/api/faults/${id}`, 'DELETE');
}

/** Each strike on a connection of its own: broken, and dialled again. */
async function breakAndWait(fault: string, options: object): Promise<void> {
  const before = endsOf((await readLedger()).lines);
  await strike(fault, options, 1);
  await vi.waitFor(
    async () => {
      expect(endsOf((await readLedger()).lines)).toBe(before + 1);
      expect(await api('/api/status')).toMatchObject({ activeConnections: 1 });
    },
    { timeout: 60_000, interval: 100 },
  );
}

async function compare(): Promise<ChaosVerdict> {
  const { text, lines } = await readLedger();
  ledger = lines;
  return await compareWithRows(text, system.status.database.url);
}

/** The frames behind which a fault was, and those of them that it changed. */
function struckBy(fault: string): readonly SentLine[] {
  const firings = new Set(ledger.flatMap((line) => (line.line === 'fault' && line.fault === fault ? line.firing : [])));
  return ledger.flatMap((line) => (line.line === 'sent' && firings.has(line.firing ?? -1) ? line : []));
}

async function rowsOf(fault: string): Promise<readonly { kind: string; chat: string | null; flags: string[] }[]> {
  const hashes = struckBy(fault).map(({ sha256 }) => sha256);
  const sql = `select kind, chat, flags from message_metadata
    where encode(sha256(convert_to(raw_payload::text, 'UTF8')), 'hex') = any($1)`;
  return await system.rows(sql, [hashes]);
}

async function metric(name: string): Promise<number> {
  const { healthUrl } = system.status.services.find((one) => one.name === 'communicator') ?? {};
  const text = await (await fetch(`${healthUrl}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe.each(['legacy', 'pmc.v1'])('spoken: %s', (protocol) => {
  const faults = protocol === 'legacy' ? FAULTS : { ...FAULTS, ...COUNTING };

  beforeAll(async () => {
    system = await System.start({ PMC_CHAOS_PROFILE: 'demo', PMC_CHAOS_SEED: '5', PMC_CHAOS_PROTOCOL: protocol });
    apiUrl = system.status.simulator?.apiUrl ?? '';
    for (const [fault, options] of Object.entries(faults)) await strike(fault, options, STRIKES);
    for (const [fault, options] of Object.entries(BREAKING)) {
      for (let n = 0; n < STRIKES; n++) await breakAndWait(fault, options);
    }
    for (let n = 0; n < STRIKES; n++) await api('/api/send-message', 'POST', { content: '/ping', chat: `chat_${n}` });
    // Quiet: what is on its way arrives, and nothing follows.
    await api('/api/profile', 'POST', { profile: 'idle' });
    await vi
      .waitFor(
        async () => {
          verdict = await compare();
          expect(verdict.unexplained).toBe(0);
          // The profile sends commands of its own: a reply may still be on its way when those of the pings have come.
          if (protocol === 'pmc.v1') {
            expect(verdict.replies.delivered).toBeGreaterThanOrEqual(STRIKES);
            expect(verdict.replies.delivered).toBe(await system.count('outbox'));
          }
          expect(verdict.replies.heard).toBe(verdict.replies.acknowledged);
        },
        { timeout: 90_000, interval: 1_000 },
      )
      .catch(() => undefined);
  }, 400_000);

  afterAll(async () => {
    expect(await system?.stop()).toBe(0);
  });

  test('nothing is unexplained: every difference is a planned fault or the end of a broken connection', async () => {
    expect(verdict.findings.filter(({ explanation }) => explanation === undefined)).toEqual([]);
    expect(verdict).toMatchObject({ verdict: 'pass', unexplained: 0, doubts: [] });
    expect(verdict.frames.sent).toBeGreaterThan(1_500);
  });

  test('the audit says what the source cannot send again, where it can know it, and nothing else', async () => {
    const { report, code } = await system.audit();
    const lowering = report.findings.filter(({ kind }) => FINDING_WEIGHT[kind] !== 'none');
    const source = report.stages.find(({ stage }) => stage === 'source-to-gateway')?.verdict;
    if (protocol === 'legacy') {
      expect([report.verdict, code, source, lowering]).toEqual(['pass', 0, 'not-measurable', []]);
      return;
    }
    expect([report.verdict, code, source]).toEqual(['fail', 3, 'fail']);
    expect(new Set(lowering.map(({ kind }) => kind))).toEqual(new Set(['source-gap']));
    expect(lowering.reduce((sum, { from = 0, to = -1 }) => sum + to - from + 1, 0)).toBe(STRIKES);
  });

  test.for([...Object.keys(faults), ...Object.keys(BREAKING)])('%s struck as often as it was armed to', (fault) => {
    expect(verdict.firings[fault]).toBe(STRIKES);
  });

  describe('each fault leads to its verdict:', () => {
    test('drop and drop_tail are lost at the source, and only they and tails of connections are', () => {
      const lost = verdict.findings.filter(({ kind }) => kind === 'lost').map(({ explanation }) => explanation);
      expect(lost.filter((one) => one === 'drop')).toHaveLength(STRIKES);
      // What was kept back is sent when it is asked for, by a source that counts.
      const kept = protocol === 'legacy' ? STRIKES * 2 : 0;
      expect(lost.filter((one) => one === 'drop_tail')).toHaveLength(kept);
    });

    test('duplicate: one row each, the repeats are duplicates', async () => {
      expect(struckBy('duplicate')).toHaveLength(3 * STRIKES);
      expect(await rowsOf('duplicate')).toHaveLength(STRIKES);
      // From one that counts the gateway knows a repeat by its number, and puts it on no topic.
      const repeats =
        protocol === 'legacy'
          ? await system.count('duplicates')
          : await metric('pmc_settled_elsewhere_total{reason="duplicate"');
      expect(repeats).toBeGreaterThanOrEqual(2 * STRIKES);
    });

    test('id_conflict: two rows each', async () => {
      expect(await rowsOf('id_conflict')).toHaveLength(2 * STRIKES);
      const { total, explained } = verdict.deviations.conflict;
      expect(total).toBe(explained);
      expect(total).toBeGreaterThanOrEqual(STRIKES);
    });

    test('id_conflict: every body is flagged, and named by the audit once as what it is', async () => {
      expect(verdict.conflictsNotFlagged).toBe(0);
      for (const { flags } of await rowsOf('id_conflict')) expect(flags).toContain('conflict');
      const { report } = await system.audit();
      const named = report.findings.filter(({ kind }) => kind === 'conflict');
      const flagged = await system.rows<{ place: string }>(
        `select partition || '/' || record_offset as place from message_metadata where flags @> '{conflict}'`,
      );
      const places = named.map(({ partition, offset }) => `${partition}/${offset}`).sort();
      expect(places).toEqual(flagged.map(({ place }) => place).sort());
      expect(places.length).toBeGreaterThanOrEqual(2 * STRIKES);
      const others = report.findings.filter(({ kind }) => kind === 'duplicate');
      expect(others.filter(({ partition, offset }) => places.includes(`${partition}/${offset}`))).toEqual([]);
    });

    test('malformed, oversize and deep are kept as rejected frames, one for one', async () => {
      const refused = ledger.filter((line) => line.line === 'sent' && line.expect === 'rejected').length;
      expect(refused).toBeGreaterThanOrEqual(2 * STRIKES);
      const { healthUrl } = system.status.services.find(({ name }) => name === 'communicator') ?? {};
      const response = await fetch(`${healthUrl}/ready`);
      const { facts } = (await response.json()) as { facts: { counters: { framesRejected: number } } };
      expect(facts.counters.framesRejected).toBe(refused);
    });

    test('unknown_event, missing_id and missing_chat are stored, each as what it is', async () => {
      expect((await rowsOf('unknown_event')).map(({ kind }) => kind)).toEqual(Array(STRIKES).fill('unknown'));
      expect(await rowsOf('missing_id')).toHaveLength(STRIKES);
      expect((await rowsOf('missing_chat')).map(({ chat }) => chat)).toEqual(Array(STRIKES).fill(null));
    });

    test('clock_skew, clock_jump and bad_ts are stored in the order of arrival', async () => {
      for (const fault of ['clock_skew', 'clock_jump', 'bad_ts']) expect(await rowsOf(fault)).toHaveLength(STRIKES);
      expect(verdict.deviations.reordered.total).toBe(0);
    });

    test('burst, ramp and flood_n: all stored', async () => {
      expect((await rowsOf('burst')).length).toBe(STRIKES * 201);
      expect((await rowsOf('flood_n')).length).toBe(STRIKES * 201);
    });

    test('every broken connection was dialled again', () => {
      expect(endsOf(ledger)).toBe(STRIKES * Object.keys(BREAKING).length);
    });
  });

  test('a source that counts has acknowledged every reply that came to it, one that does not has said nothing', async () => {
    const { received, acknowledged, heard, delivered = 0 } = verdict.replies;
    expect([received, acknowledged, heard]).toEqual([delivered, delivered, delivered]);
    const rows = await system.rows(
      `select 1 from message_metadata d where d.kind = 'delivered' and d.event_id in (select reply_id::text from outbox)`,
    );
    expect(rows).toHaveLength(delivered);
    const { report } = await system.audit();
    const stage = report.stages.find((one) => one.stage === 'reply-to-delivered')?.verdict;
    if (protocol === 'legacy') expect([delivered, stage]).toEqual([0, 'not-measurable']);
    else expect([delivered >= STRIKES, stage]).toEqual([true, 'pass']);
  });

  test.runIf(protocol === 'pmc.v1')(
    'evidence that is gone behind its pong is lost, however its connection ended',
    async () => {
      const { text, lines } = await readLedger();
      const { run, connectionId, ids } = lines.filter((line) => line.line === 'handled').at(-1) ?? {};
      const id = ids?.at(-1) ?? 'no reply';
      const ended = `${text}${JSON.stringify({ line: 'closed', run, connectionId, code: 1006, n: 0 })}\n`;
      const rows = (await system.pmc('rows', 'export')).stdout.split('\n').filter((row) => !row.includes(id));
      const judged = (ledgerText: string) => {
        const reading = new LedgerReading();
        reading.push(ledgerText);
        const comparison = new ExportReading(reading.sent);
        comparison.push(rows.join('\n'));
        return comparison.end().findings.flatMap((one) => (one.id === id ? `${one.kind}: ${one.explanation}` : []));
      };
      expect(judged(ended)).toEqual(['lost: undefined']);
      // A ledger that does not say which pong was heard cannot know.
      const older = ended.replaceAll(/^{"line":"heard".*\n/gm, '');
      expect(judged(older)).toEqual(['lost: on its way when its connection ended']);
    },
  );

  test.runIf(protocol === 'pmc.v1')('what counts is acknowledged, and each gap is told', async () => {
    const { streams } = await api<{ streams: { kept: number; isWelcome: boolean }[] }>('/api/status');
    expect(streams).toMatchObject([{ kept: 0, isWelcome: true }]);
    expect(await metric('pmc_source_gaps_total{kind="gap_open"')).toBeGreaterThanOrEqual(STRIKES);
    // Events that were dropped one after the other are one gap.
    expect(await metric('pmc_source_gaps_total{kind="gap_lost"')).toBeGreaterThan(0);
    expect(await metric('pmc_source_gaps_total{kind="gap_closed"')).toBeGreaterThan(0);
  });
});
