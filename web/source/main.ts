/** The one script of every page: each island looks for its own elements and does nothing without them. */
import "./style/index.css";
import htmx from "htmx.org";
import { startCharts } from "./islands/charts_loader";
import { startForms } from "./islands/forms";
import { startLive } from "./islands/live";
import { startMenus } from "./islands/menus";
import { startReplay } from "./islands/replay";
import { startTimes } from "./islands/times";

htmx.config.includeIndicatorStyles = false; // styles come from the bundle only
htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.historyCacheSize = 0; // pages are personal: none is left in the browser's storage
htmx.config.selfRequestsOnly = true;

startTimes();
startMenus();
startForms();
startLive();
startCharts();
startReplay();
