// The desk's texts in both languages.
const WORDS = {
  en: {
    desk: "desk", event: "Event", queue: "Queue", lanes: "Lanes", lane: "Lane",
    issued: "Numbers handed out", called: "Called", waiting: "Waiting", inside: "Inside", expected: "Called, not arrived yet",
    perMinute: "Admitted per minute", noShows: "No-shows", notMeasured: "not measured yet",
    waitingChart: "Waiting", insideChart: "Inside", soldChart: "Sold", revenueChart: "Revenue without fees", noShowsChart: "No-shows, %",
    pause: "Pause", resume: "Resume", close: "Close the sale", set: "Set", give: "Submit",
    maxActive: "Maximum inside", batchSize: "Batch size", beacon: "Announced random value", why: "Why", whyNote: "for the journal, with your next change",
    catalogueSays: (n) => `the catalogue says ${n}`, every: (s) => `every ${s} s`,
    span: "Charts of", lastHour: "the last hour", lastDay: "the last day", lastWeek: "the last week", lastMonth: "the last month",
    sales: "Sales", dates: "Dates", date: "Date", sold: "Sold", held: "Held", blocked: "Blocked", left: "Free", revenue: "Revenue without fees", seats: "Seats", of: (n) => `of ${n}`,
    showSeats: "Seats", hideSeats: "Hide seats", seatsOf: (d) => `Seats on ${d}`,
    section: (n, sold, held, blocked, left) => `${n}: ${sold} sold, ${held} held, ${blocked} blocked, ${left} free`,
    seatAt: (row, seat, state) => `${row ? `row ${row}, ` : ""}seat ${seat}: ${state.toLowerCase()}`,
    exportCsv: "Export CSV", exportJson: "Export JSON",
    refusals: "Refusals by code", code: "Code", times: "Count", START: "since this process started", HOUR: "in the last hour", none: "none yet",
    confirmClose: "Close the sale? No more users will be let in. Held seats can still be paid.", no: "Cancel",
    OPEN: "Open", PAUSED: "Paused", CLOSED: "Closed", NOT_OPEN: "Not open yet",
    updated: (t) => `Updated ${t}`, lost: "No connection; trying again", noEvents: "No events yet: apply a catalogue.",
  },
  ko: {
    desk: "운영 데스크", event: "공연", queue: "대기열", lanes: "레인", lane: "레인",
    issued: "발급된 번호", called: "호출됨", waiting: "대기 중", inside: "입장 중", expected: "호출됨, 입장 전",
    perMinute: "분당 입장 인원", noShows: "미입장률", notMeasured: "아직 측정되지 않음",
    waitingChart: "대기 중", insideChart: "입장 중", soldChart: "판매", revenueChart: "매출(수수료 제외)", noShowsChart: "미입장률(%)",
    pause: "일시 정지", resume: "재개", close: "판매 종료", set: "적용", give: "입력",
    maxActive: "최대 동시 입장 인원", batchSize: "배치당 호출 인원", beacon: "사전 공지된 난수", why: "사유", whyNote: "다음 변경과 함께 작업 기록에 남습니다",
    catalogueSays: (n) => `카탈로그 값: ${n}`, every: (s) => `${s}초마다`,
    span: "차트 기간", lastHour: "최근 1시간", lastDay: "최근 1일", lastWeek: "최근 1주", lastMonth: "최근 1개월",
    sales: "판매", dates: "회차", date: "날짜", sold: "판매", held: "선점", blocked: "판매 제외", left: "잔여", revenue: "매출(수수료 제외)", seats: "좌석", of: (n) => `/ ${n}`,
    showSeats: "좌석 보기", hideSeats: "좌석 닫기", seatsOf: (d) => `${d} 좌석`,
    section: (n, sold, held, blocked, left) => `${n}: 판매 ${sold}, 선점 ${held}, 판매 제외 ${blocked}, 잔여 ${left}`,
    seatAt: (row, seat, state) => `${row ? `${row}열 ` : ""}${seat}번: ${state}`,
    exportCsv: "CSV 내보내기", exportJson: "JSON 내보내기",
    refusals: "코드별 거절 건수", code: "코드", times: "건수", START: "이 프로세스 시작 이후", HOUR: "최근 1시간", none: "아직 없음",
    confirmClose: "판매를 종료할까요? 더 이상 아무도 입장할 수 없습니다. 선점된 좌석은 계속 결제할 수 있습니다.", no: "취소",
    OPEN: "판매 중", PAUSED: "일시 정지", CLOSED: "종료", NOT_OPEN: "오픈 전",
    updated: (t) => `${t} 갱신`, lost: "연결이 끊겼습니다. 다시 시도합니다", noEvents: "공연이 없습니다. 카탈로그를 적용하세요.",
  },
};

let language = localStorage.getItem("deskLanguage") ?? (navigator.language.startsWith("ko") ? "ko" : "en");

export const currentLanguage = () => language;
export const word = (key, ...values) => {
  const found = WORDS[language][key];
  return typeof found === "function" ? found(...values) : found;
};
export const number = (value) => new Intl.NumberFormat(language).format(value);
/** `event` says the currency, and how many decimals it has. */
export const money = (value, { currency, currencyDecimals: digits }) =>
  new Intl.NumberFormat(language, { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value / 10 ** digits);
export const minute = (at) => new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
export const day = (at) => new Intl.DateTimeFormat(language, { month: "short", day: "numeric" }).format(new Date(at));
export const time = (at) => new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(at));

export function setLanguage(next) {
  language = next;
  localStorage.setItem("deskLanguage", next);
  translatePage();
}

export function translatePage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  const other = document.getElementById("language");
  other.textContent = language === "ko" ? "English" : "한국어";
  other.lang = language === "ko" ? "en" : "ko";
}
