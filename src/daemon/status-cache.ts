/** The status document for everybody who asks at about the same time. */
import type { StatusDocument } from '../planning/explain/status-document.ts';
import { wallMs } from '../support/deadline.ts';

/** A document this old (wall ms) is served again when nothing was committed since. */
const maxAgeMs = 250;

export class StatusCache {
  readonly #read: () => Promise<StatusDocument>;
  readonly #version: () => number;
  #building: Promise<StatusDocument> | undefined;
  #last: { document: StatusDocument; version: number; at: number } | undefined;

  /** `version` changes with every commit. */
  constructor(read: () => Promise<StatusDocument>, version: () => number) {
    this.#read = read;
    this.#version = version;
  }

  async get(): Promise<StatusDocument> {
    const last = this.#last;
    if (last !== undefined && last.version === this.#version() && wallMs() - last.at < maxAgeMs) return last.document;
    this.#building ??= this.#build().finally(() => {
      this.#building = undefined;
    });
    return this.#building;
  }

  async #build(): Promise<StatusDocument> {
    const version = this.#version();
    const document = await this.#read();
    this.#last = { document, version, at: wallMs() };
    return document;
  }
}
