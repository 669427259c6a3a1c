/** The time, for ages: drawn again once a second, all views together. */
import { useEffect, useState } from 'preact/hooks';

/** Seconds since 1970 by this machine's clock. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now() / 1_000);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now() / 1_000);
    }, 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
