/**
 * Colors of figures on a light and on a dark background, and ramps from a number to a color.
 *
 * @module
 */

/** Red, green and blue, each from 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

/** Color of a number from 0 to 1; numbers outside are clamped. */
export type Ramp = (value: number) => Color;

/** The colors of a figure. */
export interface Theme {
  /** The background. */
  readonly background: string;
  /** Text and axes. */
  readonly ink: string;
  /** Notes and ticks. */
  readonly muted: string;
  /** Grid lines. */
  readonly grid: string;
  /**
   * Series, in order; from the ninth on they repeat. Any two differ for readers with any kind of
   * red-green color blindness, and each is readable as text on the background.
   */
  readonly series: readonly string[];
  /** From the minimum, near the background's color, to the maximum. */
  readonly sequential: Ramp;
  /** From the minimum (blue) through the background's color to the maximum (red). */
  readonly diverging: Ramp;
  /** A value that is not finite. */
  readonly missing: Color;
}

/** Names of the themes. */
export type ThemeName = "light" | "dark";

/** The themes. */
export const THEMES: Readonly<Record<ThemeName, Theme>> = {
  light: {
    background: "#ffffff",
    ink: "#1f2328",
    muted: "#656d76",
    grid: "#d8dee4",
    series: [
      ...["#1f5fbf", "#c2410c", "#298055", "#642949", "#427998", "#842f18", "#49149d", "#4e517f"],
    ],
    sequential: ramp("#f3f7fc", "#a9cbe9", "#3f83c4", "#123f7a"),
    diverging: ramp("#1d4f91", "#8fb9dd", "#f7f7f7", "#f0a58f", "#a3261d"),
    missing: [160, 160, 160],
  },
  dark: {
    background: "#15181d",
    ink: "#e6edf3",
    muted: "#9aa4af",
    grid: "#343b44",
    series: [
      ...["#6ea8fe", "#ff9e64", "#6fd2c0", "#f8e47e", "#a1829a", "#b97a07", "#b5f6fa", "#5e7cf0"],
    ],
    sequential: ramp("#1c222b", "#1f4f85", "#4a93d9", "#d6ebff"),
    diverging: ramp("#7db7f0", "#2d5f96", "#1d2026", "#a04438", "#ffa18f"),
    missing: [110, 110, 110],
  },
};

/** A color as SVG writes it: `#rrggbb`. */
export function hex(color: Color): string {
  return "#" + color.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("");
}

/**
 * Black or white, whichever has more contrast on a color: at least 4.58, where WCAG asks for 4.5.
 */
export function inkOn(color: Color): string {
  return (luminance(color) + 0.05) ** 2 > 0.05 * 1.05 ? "#000000" : "#ffffff";
}

/** Relative luminance, from 0 to 1, as WCAG 2 defines it. */
function luminance(color: Color): number {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** A ramp through colors at equal distances. */
function ramp(...stops: string[]): Ramp {
  const colors = stops.map((stop) => {
    return [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)) as unknown as Color;
  });
  return (value) => {
    const place = Math.max(0, Math.min(1, value)) * (colors.length - 1);
    const below = Math.min(Math.floor(place), colors.length - 2);
    const [from, to] = [colors[below], colors[below + 1]];
    const mix = (part: number) => from[part] + (to[part] - from[part]) * (place - below);
    return [mix(0), mix(1), mix(2)];
  };
}
