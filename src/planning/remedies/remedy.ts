/** What a code means and what to do: the text behind `clm explain`. */
export interface Remedy {
  meaning: string;
  /** In the order in which they are worth trying. */
  actions: string[];
}
