// Reads a calendar with ical.js and prints its events as JSON.
// Usage: node ics_read.mjs NODE_MODULES FILE
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, file] = process.argv.slice(2);
const { default: ICAL } = await import(pathToFileURL(path.join(modules, "ical.js/dist/ical.js")));
const calendar = new ICAL.Component(ICAL.parse(fs.readFileSync(file, "utf8")));
for (const zone of calendar.getAllSubcomponents("vtimezone"))
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
const print = (time) => time.isDate ? time.toString()
    : time.toJSDate().toISOString().replace(".000Z", "Z");
console.log(JSON.stringify(calendar.getAllSubcomponents("vevent").map((vevent) => {
    const event = new ICAL.Event(vevent);
    return {
        row: [event.uid, print(event.startDate), print(event.endDate),
              vevent.getFirstPropertyValue("status"), event.sequence],
        title: event.summary,
        translations: Object.fromEntries(vevent.getAllProperties("comment")
            .map((one) => [one.getParameter("language"), one.getFirstValue()])),
    };
})));
