import type { BfdState, BfdTimes, SpeakerEnvironment } from './environment.ts';

/** BFD towards one peer (RFC 5882): begun with its BGP session and ended with it. */
export class PeerBfd {
  /** Undefined while there is none. */
  state: BfdState | undefined;
  readonly #environment: SpeakerEnvironment;
  readonly #onFailure: (reason: string) => void;
  readonly #onChange: () => void;
  #end: (() => void) | undefined;

  /** `onFailure`: the path to the peer was up and is not any more, and why. */
  constructor(environment: SpeakerEnvironment, onFailure: (reason: string) => void, onChange: () => void) {
    this.#environment = environment;
    this.#onFailure = onFailure;
    this.#onChange = onChange;
  }

  begin(times: BfdTimes | undefined, local: string, remote: string): void {
    if (!times || !this.#environment.bfd) return;
    this.state = 'Down';
    this.#end = this.#environment.bfd.watch({ local, remote, times }, (state, failed) => {
      this.state = state;
      this.#onChange();
      if (failed !== undefined) this.#onFailure(failed);
    });
  }

  end(): void {
    this.#end?.();
    this.#end = undefined;
    this.state = undefined;
  }
}
