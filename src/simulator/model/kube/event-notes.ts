export interface EventText {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What is remembered of one Event. */
export interface EventNote extends EventText {
  component: string;
  host: string | undefined;
  about: { apiVersion: string; kind: string; namespace: string | undefined; name: string; uid: string };
  name: string;
  count: number;
  firstMs: number;
  lastMs: number;
  dirty: boolean;
  stored: boolean;
}

interface Place {
  note: EventNote;
  /** Where it stands in the row. */
  at: number;
}

/** The row is closed up when it has so many gaps, and more than notes. */
const mostGaps = 512;

/** Notes in the order in which they happened last. Written many times a pod, so nothing here looks at all of them. */
export class EventNotes {
  #row: (Place | undefined)[] = [];
  /** There are only gaps before this place. */
  #head = 0;
  #size = 0;
  readonly #byObject = new Map<string, Place[]>();

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Iterator<EventNote> {
    for (const place of this.#row) if (place) yield place.note;
  }

  /** The note of the same event about the object, which then counts as the latest. */
  repeated(uid: string, component: string, { reason, message }: EventText): EventNote | undefined {
    const place = this.#byObject
      .get(uid)
      ?.find(({ note }) => note.reason === reason && note.message === message && note.component === component);
    if (!place) return undefined;
    this.#row[place.at] = undefined;
    this.#enter(place);
    return place.note;
  }

  add(note: EventNote): void {
    const place = { note, at: 0 };
    const others = this.#byObject.get(note.about.uid);
    if (others) others.push(place);
    else this.#byObject.set(note.about.uid, [place]);
    this.#size += 1;
    this.#enter(place);
  }

  oldest(): EventNote | undefined {
    return this.#first()?.note;
  }

  dropOldest(): void {
    const place = this.#first();
    if (!place) return;
    const { uid } = place.note.about;
    const left = (this.#byObject.get(uid) ?? []).filter((each) => each !== place);
    if (left.length > 0) this.#byObject.set(uid, left);
    else this.#byObject.delete(uid);
    this.#row[this.#head] = undefined;
    this.#size -= 1;
  }

  #enter(place: Place): void {
    if (this.#row.length > 2 * this.#size + mostGaps) {
      this.#row = this.#row.filter((each) => each !== undefined);
      for (const [at, each] of this.#row.entries()) if (each) each.at = at;
      this.#head = 0;
    }
    place.at = this.#row.length;
    this.#row.push(place);
  }

  #first(): Place | undefined {
    while (this.#head < this.#row.length && this.#row[this.#head] === undefined) this.#head += 1;
    return this.#row[this.#head];
  }
}
