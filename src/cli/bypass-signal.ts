import type { Logger } from '../core/logger.ts';
import type { BypassSwitch } from '../service/bypass-switch.ts';

/**
 * SIGUSR2 switches bypass mode on and off. SIGUSR1, by which Node opens its inspector to everyone on the machine, does
 * nothing any more: whoever wants the inspector starts with --inspect.
 */
export function listenForBypass(bypass: BypassSwitch, log: Logger): void {
  if (process.platform === 'win32') return;
  process.on('SIGUSR2', () => bypass.toggle('signal'));
  process.on('SIGUSR1', () => log.info('SIGUSR1 does nothing; SIGUSR2 switches bypass mode.'));
}
