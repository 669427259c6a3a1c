/** Light, dark, or as the system has it; remembered in this browser. */
import { useEffect, useState } from 'preact/hooks';

export type Theme = 'as the system' | 'light' | 'dark';

const KEY = 'synod-theme';
const ORDER: readonly Theme[] = ['as the system', 'light', 'dark'];

export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => ORDER.find((name) => name === localStorage.getItem(KEY)) ?? 'as the system');
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === 'as the system') delete dataset.theme;
    else dataset.theme = theme;
    localStorage.setItem(KEY, theme);
    dispatchEvent(new Event('themechange'));
  }, [theme]);
  return [theme, () => setTheme(ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'light')];
}
