// The thread that has the spool's file: an fsync takes milliseconds, sometimes seconds, and no peer must wait for it.
import { parentPort, workerData } from 'node:worker_threads';
import { PmcError } from '../../../service/errors.ts';
import type { Answer, Request } from './requests.ts';
import { SpoolFile } from './spool-file.ts';

let file: SpoolFile | undefined;

parentPort?.on('message', (request: Request) => {
  const { number } = request;
  let answer: Answer;
  try {
    file ??= new SpoolFile((workerData as { path: string }).path);
    answer = { number, answer: answerTo(file, request) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    answer = { number, error: error instanceof PmcError ? { message, code: error.code } : { message } };
  }
  parentPort?.postMessage(answer);
});

function answerTo(spool: SpoolFile, { call, asked }: Request): unknown {
  switch (call) {
    case 'state':
      return spool.state();
    case 'willSpool':
      return spool.willSpool(asked.epoch);
    case 'commit':
      return spool.commit(asked.group, asked.forgetUpTo);
    case 'note':
      return spool.note(asked.note, asked.forgetUpTo, asked.positions, asked.nowMs);
    case 'read':
      return spool.read(asked.afterId, asked.groupsMax);
    case 'position':
      return spool.position(asked.source, asked.stream);
    case 'numbers':
      return spool.numbers(asked.epoch);
    case 'sources':
      return spool.sources();
    case 'setSource':
      return spool.setSource(asked.source, asked.isOurs);
    case 'setAside':
      return spool.setAside(asked.id);
    case 'closeEpoch':
      return spool.closeEpoch(asked.epoch);
    case 'close':
      return spool.close();
  }
}
