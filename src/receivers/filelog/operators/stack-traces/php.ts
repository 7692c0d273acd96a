import { counted, isBlank, isDigit, joins, kindOf, type Grammar } from './grammar.ts';
import { NAME, nameAt } from './frame.ts';
import { startsRecord } from './ordinary.ts';

/** The exception; `Stack trace:` has to come. */
const header = 1;
const frames = 2;
/** `#1 {main}`: the last frame, after which a blank line and the next exception of the chain may come. */
const last = 3;
const gap = 4;
/** `PHP Stack trace:` of xdebug. */
const xdebug = 5;
const end = 6;

const HASH = 35;
const PLACE = / in [^ ]+:\d+$/;
const UNCAUGHT = /(?:\[[^\]]*\] )?(?:PHP )?Fatal error: {1,2}Uncaught /y;
const XDEBUG_FRAME = /PHP +\d+\. /y;

/** PHP: uncaught exceptions in both logs, exceptions as text, chains, the frames of Monolog and Laravel, stacks of xdebug. */
export const phpTraces: Grammar = {
  firsts: '#[_PSF\\ABCDEGHIJKLMNOQRTUVWXYZabcdefghijklmnopqrstuvwxyz',
  lasts: '',
  next,
  open,
};

function next(state: number, line: string): number {
  switch (kindOf(state)) {
    case header:
      if (line.startsWith('Stack trace:')) return frames;
      return startsRecord(line) ? 0 : counted(state);
    case frames:
      return inFrames(line);
    case last:
      return isBlank(line) ? gap : inFrames(line);
    case gap:
      return line.startsWith('Next ') ? header : 0;
    case xdebug:
      return matches(XDEBUG_FRAME, line) ? xdebug : 0;
    default:
      return 0;
  }
}

function inFrames(line: string): number {
  if (line.charCodeAt(0) === HASH && isDigit(line.charCodeAt(1))) return line.endsWith('{main}') ? last : frames;
  if (line.startsWith('[previous exception] ') || line.startsWith('[stacktrace]')) return frames;
  return line.startsWith('  thrown in ') || line.startsWith('"}') ? end : 0;
}

/** `#0 /path/file.php(12): f()`, `#1 [internal function]: f()`, `#2 {main}`. */
function isFrame(line: string): boolean {
  const at = line.indexOf(' ') + 1;
  if (at < 3 || !isDigit(line.charCodeAt(1))) return false;
  if (line.startsWith('{main}', at) || line.startsWith('[internal function]: ', at)) return true;
  const place = line.indexOf('): ', at);
  return place > at && isDigit(line.charCodeAt(place - 1));
}

function matches(pattern: RegExp, line: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(line);
}

function open(line: string): number {
  switch (line.charCodeAt(0)) {
    case HASH:
      return isFrame(line) ? joins(inFrames(line)) : 0;
    case 83: // S
      return line.startsWith('Stack trace:') ? joins(frames) : openException(line);
    case 91: // [
      return line.startsWith('[stacktrace]') ? joins(frames) : openUncaught(line);
    case 80: // P
      return line.startsWith('PHP Stack trace:') ? joins(xdebug) : openUncaught(line) || openException(line);
    case 70: // F
      return openUncaught(line) || openException(line);
    default:
      return openException(line);
  }
}

function openUncaught(line: string): number {
  return matches(UNCAUGHT, line) ? header : 0;
}

function openException(line: string): number {
  return nameAt(line, 0) !== NAME.none && PLACE.test(line) ? header : 0;
}
