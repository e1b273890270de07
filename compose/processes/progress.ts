// Tells people what is being waited for: on a terminal one live line with a bar or a spinner for each step, elsewhere
// plain lines (one at the start, one at the end, one every ten seconds). Never writes to stdout.
export interface Progress {
  step(name: string, doing: string): ProgressStep;
  note(line: string): void;
}

export interface ProgressStep {
  /** `fraction` from 0 to 1 where the end is known. */
  update(detail: string, fraction?: number): void;
  end(outcome: string): void;
}

interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface StepView {
  readonly name: string;
  readonly detail: string;
  readonly fraction: number | undefined;
  readonly elapsedMs: number;
}

const FRAME_MS = 120;
const PLAIN_MS = 10_000;
const SPINNER = '|/-\\';
const BAR_WIDTH = 16;

export function createProgress(screen: Screen, nowMs: () => number = () => performance.now()): Progress {
  const steps = new Map<symbol, { name: string; detail: string; fraction: number | undefined; startedMs: number }>();
  const isLive = screen.isTTY === true;
  let timer: NodeJS.Timeout | undefined;
  let frame = 0;

  const views = (): StepView[] =>
    [...steps.values()].map(({ startedMs, ...step }) => ({ ...step, elapsedMs: nowMs() - startedMs }));
  const clear = (): unknown => isLive && screen.write('\r\u001b[K');
  const draw = (): unknown =>
    isLive && steps.size > 0 && screen.write(`\r\u001b[K${liveLine(views(), frame++, screen.columns || 80)}`);
  const line = (text: string): void => {
    clear();
    screen.write(`${text}\n`);
    draw();
  };
  const tick = (): void => {
    if (isLive) draw();
    else for (const view of views()) if (view.elapsedMs > PLAIN_MS / 2) line(plainLine(view));
  };

  return {
    note: line,
    step(name, doing) {
      const key = Symbol(name);
      const step = { name, detail: doing, fraction: undefined as number | undefined, startedMs: nowMs() };
      steps.set(key, step);
      timer ??= setInterval(tick, isLive ? FRAME_MS : PLAIN_MS).unref();
      if (isLive) draw();
      else line(`${name}: ${doing}`);
      return {
        update(detail, fraction) {
          step.detail = detail;
          step.fraction = fraction;
        },
        end(outcome) {
          if (!steps.delete(key)) return;
          line(`${name}: ${outcome} (${seconds(nowMs() - step.startedMs)})`);
          if (steps.size > 0) return;
          clearInterval(timer);
          timer = undefined;
        },
      };
    },
  };
}

export function plainLine({ name, detail, fraction, elapsedMs }: StepView): string {
  const share = fraction === undefined ? '' : `, ${percent(fraction)}`;
  return `${name}: still ${detail}${share} (${seconds(elapsedMs)})`;
}

export function liveLine(steps: readonly StepView[], frame: number, width: number): string {
  const parts = steps.map(({ name, detail, fraction, elapsedMs }) => {
    const sign =
      fraction === undefined ? (SPINNER[frame % SPINNER.length] ?? '') : `${bar(fraction)} ${percent(fraction)}`;
    return `${sign} ${name}: ${detail} ${seconds(elapsedMs)}`;
  });
  return parts.join('   ').slice(0, Math.max(0, width - 1));
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

function percent(fraction: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
