import type { Logger } from '../core/logger.ts';
import type { BypassSwitch } from '../service/bypass-switch.ts';

/**
 * SIGUSR2 switches bypass mode on and off, once it is given the switch; before that the signal would end the process.
 * SIGUSR1, by which Node opens its inspector to everyone on the machine, does nothing any more: whoever wants the
 * inspector starts with --inspect.
 */
export function listenForBypass(log: Logger): (bypass: BypassSwitch) => void {
  let switched: BypassSwitch | undefined;
  if (process.platform !== 'win32') {
    process.on('SIGUSR2', () => {
      if (switched === undefined) log.warn('Too early for bypass mode; ask again when everything is ready.');
      else switched.toggle('signal');
    });
    process.on('SIGUSR1', () => log.info('SIGUSR1 does nothing; SIGUSR2 switches bypass mode.'));
  }
  return (bypass) => {
    switched = bypass;
  };
}
