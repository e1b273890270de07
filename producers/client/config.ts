// What the client on a terminal reads of the environment; its flags come before it.
import { setting } from '../../service/config.ts';
import { gatewayPortSetting, homeSetting, portOffsetSetting } from '../../service/stack-settings.ts';

export function terminalSettings(portOffset: number) {
  return {
    token: setting.optionalText({
      variable: 'PMC_TOKEN',
      description: 'Access token, as `pmc token create` makes it; `--token` comes before it.',
      secret: true,
    }),
    gatewayPort: gatewayPortSetting(portOffset),
    portOffset: portOffsetSetting,
    home: homeSetting,
  } as const;
}
