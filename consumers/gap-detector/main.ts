import { runService } from '../../service/lifecycle.ts';
import { gapDetectorSettings } from './config.ts';
import { startGapDetector } from './gap-detector.ts';

await runService('gap-detector', process.env, gapDetectorSettings, startGapDetector);
